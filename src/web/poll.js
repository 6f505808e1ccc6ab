// Asks again and again, but not while nobody looks.

/** Calls `work` now, and again that many milliseconds after it has ended (`pause()`), as long as the page is seen. */
export function poll(pause, work) {
  let timer = null;
  let busy = false;
  let again = false;
  let stopped = false;

  async function turn() {
    clearTimeout(timer);
    if (stopped || document.hidden) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await work();
    } finally {
      busy = false;
      const next = again ? 0 : pause();
      again = false;
      if (!stopped) timer = setTimeout(turn, next);
    }
  }

  document.addEventListener("visibilitychange", turn);
  turn();
  return {
    /** Asks at once. */
    now: turn,
    /** Ends it. */
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", turn);
    },
  };
}
