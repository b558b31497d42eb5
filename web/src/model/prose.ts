/** The little of Markdown that node types write: paragraphs, lists, code. What is read is text; nothing of it becomes HTML. */

export type Piece = { code: boolean; text: string };
export type Block =
  | { kind: "paragraph"; pieces: Piece[] }
  | { kind: "list"; items: Piece[][] }
  | { kind: "code"; text: string };

/** A line of text with its code apart. */
export function pieces(text: string): Piece[] {
  return text
    .split(/(`[^`]+`)/)
    .filter((part) => part !== "")
    .map((part) =>
      part.startsWith("`") && part.endsWith("`") && part.length > 2
        ? { code: true, text: part.slice(1, -1) }
        : { code: false, text: part.replaceAll("**", "") },
    );
}

export function blocks(markdown: string): Block[] {
  const found: Block[] = [];
  for (const part of markdown.split(/(^```[\s\S]*?^```)/m)) {
    if (part.startsWith("```")) {
      found.push({ kind: "code", text: part.replace(/^```.*\n/, "").replace(/\n?```$/, "") });
      continue;
    }
    for (const paragraph of part.split(/\n\s*\n/)) {
      const text = paragraph.trim();
      if (text === "") continue;
      const lines = text.split(/\n(?=[-*] )/);
      if (lines.every((line) => /^[-*] /.test(line))) {
        found.push({ kind: "list", items: lines.map((line) => pieces(line.slice(2).replace(/\s*\n\s*/g, " "))) });
      } else found.push({ kind: "paragraph", pieces: pieces(text.replace(/^#+\s*/, "").replace(/\s*\n\s*/g, " ")) });
    }
  }
  return found;
}
