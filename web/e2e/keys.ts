/**
 * Whoever has no pointer. Each click, choice and text of a journey becomes the keys that such a person presses, and nothing gets
 * the focus but by Tab and arrows: what cannot be reached so, or does not show that it was reached, fails the journey.
 */
import { expect, type Locator, type Page } from "@playwright/test";

/** More than there is on any page to go through. */
const PRESSES_MAX = 250;

/** What leads on within these, whose parts get the focus. */
const MOVES: Record<string, string> = { menu: "ArrowDown", tablist: "ArrowRight" };

const pages = new WeakSet<Page>();
let isTaught = false;

/** From now on this page is used by keys alone. */
export function byKeysAlone(page: Page): void {
  pages.add(page);
  if (isTaught) return;
  isTaught = true;
  teach(Object.getPrototypeOf(page.locator("body")) as Locator);
}

/** Gives all locators another way to act, which is taken where the page has no pointer. */
function teach(locator: Locator): void {
  const by = <A extends unknown[], R>(
    usual: (this: Locator, ...all: A) => Promise<R>,
    keys: (what: Locator, ...all: A) => Promise<R>,
  ) =>
    function act(this: Locator, ...all: A): Promise<R> {
      return pages.has(this.page()) ? keys(this, ...all) : usual.apply(this, all);
    };
  locator.click = by(locator.click, click);
  locator.check = by(locator.check, check);
  locator.fill = by(locator.fill, fill);
  locator.focus = by(locator.focus, reach);
  locator.press = by(locator.press, async (what, key) => {
    await reach(what);
    await what.page().keyboard.press(key);
  });
  locator.selectOption = by(locator.selectOption, (what, wanted) => select(what, String(wanted)));
}

async function click(what: Locator): Promise<void> {
  await reach(what);
  const isChosenByArrows = await what.evaluate((element) => /^(treeitem|option)$/.test(element.role ?? ""));
  if (isChosenByArrows) return;
  const isTicked = await what.evaluate((element) => element.matches("[type=checkbox], [type=radio]"));
  await what.page().keyboard.press(isTicked ? "Space" : "Enter");
}

async function check(what: Locator): Promise<void> {
  if (await what.isChecked()) return;
  await click(what);
  await expect(what).toBeChecked();
}

async function fill(what: Locator, text: string): Promise<void> {
  await reach(what);
  const { keyboard } = what.page();
  if ((await what.getAttribute("type")) === "range") {
    // The page has the value, and gives it back with its next picture.
    await keyboard.press("Home");
    await expect(what).toHaveValue("0");
    for (let step = 1; step <= Number(text); step += 1) {
      await keyboard.press("ArrowRight");
      await expect(what).toHaveValue(String(step));
    }
    return;
  }
  await keyboard.press("ControlOrMeta+a");
  await keyboard.press("Delete");
  await keyboard.type(text);
}

/** Chooses by the first letters, as arrows would choose all that is in between. */
async function select(what: Locator, wanted: string): Promise<string[]> {
  await reach(what);
  const { value, label } = await what.evaluate((element, wanted) => {
    const option = [...(element as HTMLSelectElement).options].find(
      (option) => option.value === wanted || option.label === wanted,
    );
    return { value: option?.value, label: option?.label ?? "" };
  }, wanted);
  expect(value, `${wanted} can be chosen`).toBeDefined();
  if ((await what.inputValue()) === value) return [wanted];
  // What is chosen may be shown only when the server has taken it.
  await what.evaluate((element) =>
    element.addEventListener("change", () => {
      element.dataset["chosen"] = (element as HTMLSelectElement).value;
    }),
  );
  for (const letter of label) {
    if ((await what.getAttribute("data-chosen")) === value) break;
    await what.page().keyboard.press(letter);
  }
  await expect(what).toHaveValue(value ?? "");
  return [wanted];
}

/** Goes on until something has the focus, or is the part that the list with the focus points at. */
async function reach(what: Locator): Promise<void> {
  // What takes the letters in the editor has no size of its own.
  if (!(await what.evaluate((element) => Boolean(element.closest(".monaco-editor"))))) {
    await expect(what).toBeVisible();
  }
  await expect(what).toBeEnabled();
  const role = await what.evaluate((element) => element.role ?? "");
  if (role === "treeitem" || role === "option") return pointAt(what);
  const around = await what.evaluate(
    (element) => element.closest('[role="menu"], [role="tablist"]')?.getAttribute("role") ?? "",
  );
  const arrow = MOVES[around];
  if (arrow !== undefined) {
    const list = what.locator(`xpath=ancestor::*[@role="${around}"][1]`);
    await press(list, "Tab", (element) => element.contains(document.activeElement));
    return press(what, arrow, (element) => element === document.activeElement);
  }
  await press(what, "Tab", (element) => element === document.activeElement);
  // Whoever goes by keys sees where they are.
  expect(await what.evaluate((element) => element.matches(":focus-visible")), `${what} shows its focus`).toBe(true);
}

/** A part of a tree or a list: the list has the focus, and says which part is meant. */
async function pointAt(what: Locator): Promise<void> {
  const list = what.locator("xpath=ancestor::*[@role='tree' or @role='listbox'][1]");
  await reach(list);
  const isMeant = (element: Element) => element.getAttribute("aria-selected") === "true";
  if (await what.evaluate(isMeant)) return;
  const { keyboard } = what.page();
  await keyboard.press("Home");
  await expect(list.locator("[role=treeitem], [role=option]").first()).toHaveAttribute("aria-selected", "true");
  for (let presses = 0; presses < PRESSES_MAX; presses += 1) {
    if (await what.evaluate(isMeant)) return;
    const before = (await list.getAttribute("aria-activedescendant")) ?? "";
    await keyboard.press("ArrowDown");
    await expect(list).not.toHaveAttribute("aria-activedescendant", before);
  }
  throw new Error(`${what} cannot be reached by arrows`);
}

/** Presses a key until something holds of an element. */
async function press(what: Locator, key: string, holds: (element: Element) => boolean): Promise<void> {
  const page = what.page();
  for (let presses = 0; presses < PRESSES_MAX; presses += 1) {
    if (await what.evaluate(holds)) return;
    if (key === "Tab") await leaveEditor(page);
    await page.keyboard.press(key);
  }
  throw new Error(`${what} cannot be reached by ${key}`);
}

/** Tab writes in the editor, until Control and M says otherwise. */
async function leaveEditor(page: Page): Promise<void> {
  const writes = await page.evaluate(() => {
    const seen = globalThis as { tabLeaves?: boolean };
    if (seen.tabLeaves || !document.activeElement?.closest(".monaco-editor")) return false;
    seen.tabLeaves = true;
    return true;
  });
  if (writes) await page.keyboard.press("Control+m");
}
