/** What is said of a node beside its props, where the node is shown: beside its step, and below a drawing in which it is chosen. */
import type { Card } from "../model/drawing";
import { Facts } from "../ui/layout";
import css from "./drawing.module.css";

export function Rules({ card }: { card: Card }) {
  if (card.rules.length === 0) return null;
  return (
    <section className={css.rules} aria-label={`Rules of ${card.title}`}>
      <h3>Rules</h3>
      <Facts items={card.rules} />
    </section>
  );
}

/** The node that is chosen in the drawing of a text, where there is no step to look at. */
export function Chosen({ card }: { card: Card | undefined }) {
  if (!card) return null;
  return (
    <section className={css.chosen} aria-label={`Node ${card.title}`}>
      <h2>{card.title}</h2>
      <span className={css.chosenType}>{card.type}</span>
      <Rules card={card} />
      {card.rules.length === 0 && <p className={css.chosenType}>Nothing is said of it beside its props.</p>}
    </section>
  );
}
