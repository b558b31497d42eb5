/** Reads something with its tag before it is changed in a dialog: by the tag the server knows whether somebody was quicker. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Dialog } from "./controls";
import { Loading, Wrong } from "./layout";

export function Tagged<T>({
  title,
  name,
  read,
  onClose,
  children,
}: {
  title: string;
  /** What is read, among all that is read. */
  name: readonly string[];
  read: () => Promise<{ answer: T; tag: string | null }>;
  onClose: () => void;
  /** The dialog, once it is read. */
  children: (answer: T, tag: string) => ReactNode;
}) {
  // What is changed is what was read when the dialog opened; it is not read again beneath whoever types.
  const found = useQuery({
    queryKey: ["tagged", ...name],
    queryFn: read,
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (found.data && !found.isFetching) return children(found.data.answer, found.data.tag ?? "");
  return (
    <Dialog title={title} open onClose={onClose}>
      {found.error ? <Wrong error={found.error} /> : <Loading />}
    </Dialog>
  );
}
