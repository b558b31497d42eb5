/** What a node type says of itself. */
import { blocks, type Piece, pieces } from "../model/prose";
import { layout } from "./layout";

function Pieces({ pieces }: { pieces: readonly Piece[] }) {
  return pieces.map((piece) =>
    piece.code ? <code key={piece.text}>{piece.text}</code> : <span key={piece.text}>{piece.text}</span>,
  );
}

/** One line, in which code stands apart. */
export function Line({ text }: { text: string }) {
  return <Pieces pieces={pieces(text)} />;
}

export function Prose({ text }: { text: string }) {
  return (
    <div className={layout.stack} style={{ gap: 8, maxWidth: "80ch" }}>
      {blocks(text).map((block) => {
        const key = JSON.stringify(block);
        if (block.kind === "code") {
          return (
            <pre key={key} className={layout.pre}>
              {block.text}
            </pre>
          );
        }
        if (block.kind === "paragraph") {
          return (
            <p key={key}>
              <Pieces pieces={block.pieces} />
            </p>
          );
        }
        return (
          <ul key={key} style={{ listStyle: "disc", paddingLeft: 20 }}>
            {block.items.map((item) => (
              <li key={JSON.stringify(item)}>
                <Pieces pieces={item} />
              </li>
            ))}
          </ul>
        );
      })}
    </div>
  );
}
