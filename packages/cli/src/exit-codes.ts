/** What a command answers to the shell; documented in `docs/reference/command-line.md`. */
export const exitCodes = {
  /** The job finished, or was stopped and took its final checkpoint. */
  done: 0,
  /** The job failed, or was stopped and could not take its final checkpoint. */
  failed: 1,
  /** The command line, an option, or the job module is wrong: nothing was started. */
  usage: 2,
  /** No job of that name runs here: nothing was asked of anybody. */
  notRunning: 3,
  /** Ended at once, without a final checkpoint, by a second SIGINT (Ctrl-C): 128 + 2, as shells say it. */
  interrupted: 130,
  /** The same by SIGTERM: 128 + 15. */
  terminated: 143,
} as const
