// Says whether a runtime may have run out of memory: `wasFull(piece)`, where `piece` is a sixteenth of what it may take.
// QuickJS throws null where even the error had no room. It looks for garbage before it gives an error room, and looks again only
// when half as much more is taken than it then found in use: where it looks well below the limit, there was room all the time.
(function (piece) {
  let garbage = {};
  garbage.self = garbage;
  const seen = new WeakRef(garbage);
  garbage = undefined;
  const taken = [];
  try {
    for (;;) {
      taken.push(new ArrayBuffer(piece));
      // It looked before it took this piece, so that at least one piece was free.
      if (seen.deref() === undefined) return false;
    }
  } catch {
    return true;
  }
})
