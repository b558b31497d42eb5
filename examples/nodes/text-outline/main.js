/** The outline of a Markdown text. It reads line by line, which is enough for headings, links and fenced code. */
import { node, serve } from "./akao/index.js";
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const FENCE = /^\s*(`{3,}|~{3,})\s*([\w+-]*)/;
const LINK = /\[[^\]]*\]\(([^)\s]+)[^)]*\)/g;
const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;
function outline(text) {
    const found = { headings: [], links: [], languages: {}, words: 0 };
    let fence = null;
    for (const line of text.split(/\r?\n/)) {
        const [, mark, language] = FENCE.exec(line) ?? [];
        if (fence !== null) {
            if (mark?.startsWith(fence) && language === "")
                fence = null;
            continue;
        }
        if (mark !== undefined) {
            fence = mark;
            const name = language || "text";
            found.languages[name] = (found.languages[name] ?? 0) + 1;
            continue;
        }
        const [, marks, title] = HEADING.exec(line) ?? [];
        if (marks !== undefined && title !== undefined)
            found.headings.push({ level: marks.length, title });
        for (const [, target] of line.matchAll(LINK))
            if (target !== undefined)
                found.links.push(target);
        found.words += line.replace(LINK, (link) => link.slice(0, link.indexOf("]("))).match(WORD)?.length ?? 0;
    }
    return found;
}
const textOutline = node("com.example.text-outline", { inputs: { text: { type: "string", required: true }, words_per_minute: { type: "integer", default: 200 } } }, (context, { text, words_per_minute }) => {
    const found = outline(text);
    context.log("info", "read", { words: found.words });
    return { ...found, minutes: Math.ceil(found.words / words_per_minute) };
});
serve(textOutline, { version: "1.0.0" });
