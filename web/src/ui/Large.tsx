/** A large value that is kept apart: how much it is, a way to look at it where that is safe and sensible, and a way to save it. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { askBytes, blobAddress } from "../api/client";
import { bytesWords, openedAs, type Reference } from "../model/value";
import { Button, buttonClass } from "./controls";
import { Icon } from "./icons";
import css from "./json.module.css";
import { messageOf } from "./layout";

/** The most that is opened in the page; more is only saved, so that the page stays quick. */
const OPEN_BYTES_MAX = 8_000_000;

/** The bytes as a value that the other shapes can show: what JSON says, a text, or a picture as an address of its own. */
async function read(bytes: Blob, mediaType: string): Promise<unknown> {
  switch (openedAs(mediaType)) {
    case "value":
      return JSON.parse(await bytes.text());
    case "picture":
      return pictureOf(bytes, mediaType);
    default:
      return bytes.text();
  }
}

/** The page may show pictures that stand in it as text, and none from elsewhere. */
function pictureOf(bytes: Blob, mediaType: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([bytes], { type: mediaType.toLowerCase() }));
  });
}

export function Large({
  execution,
  value,
  name,
  children,
}: {
  /** The execution that has it; unknown where values stand alone. */
  execution: string | undefined;
  value: Reference;
  name: string | undefined;
  /** Shows what was loaded. */
  children: (loaded: unknown) => ReactNode;
}) {
  const [open, setOpen] = useState(false);
  const from = execution === undefined ? undefined : blobAddress(execution, value.$blob);
  const mayOpen = from !== undefined && openedAs(value.media_type) !== undefined && value.bytes <= OPEN_BYTES_MAX;
  const loaded = useQuery({
    queryKey: ["blob", execution, value.$blob],
    queryFn: async ({ signal }) => read(await askBytes(from ?? "", signal), value.media_type),
    enabled: open && mayOpen,
    // What a digest names does not change. It is large, so that it is let go soon.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
  });
  const words = name ?? "the value";
  return (
    <div>
      <div className={css.large}>
        <span className={css.dim}>
          {bytesWords(value.bytes)} kept apart, {value.media_type}
        </span>
        {mayOpen && (
          <Button
            small
            aria-expanded={open}
            aria-label={`${open ? "Close" : "Open"} ${words}`}
            busy={open && loaded.isFetching}
            onClick={() => setOpen(!open)}
          >
            {open ? "Close" : "Open"}
          </Button>
        )}
        {from !== undefined && (
          <a className={buttonClass({ small: true })} href={from} download aria-label={`Download ${words}`}>
            <Icon name="into" />
            Download
          </a>
        )}
      </div>
      {open && loaded.error && <span className={css.dim}>It cannot be opened: {messageOf(loaded.error)}</span>}
      {open && loaded.data !== undefined && children(loaded.data)}
    </div>
  );
}
