import type { LogLevel } from '@millrace/core'
import type { JobEvent, JobMetrics, JobResult } from '@millrace/engine'

/** Shows one run of a job to the user. */
export interface JobView {
  event(event: JobEvent): void
  /** Gives the view figures to show, whenever it wants them. */
  watch(metrics: () => JobMetrics): void
  /** A line of the command itself. `level`: by default `info`. */
  note(message: string, level?: LogLevel): void
  /** After the last event: leaves the terminal as it was, and says how the run ended. */
  close(result: JobResult): void
  /** At once, before the process ends: leaves the terminal as it was. */
  abandon(): void
  /** The process is about to stand still (Ctrl-Z): leaves the terminal as it was. Absent: the view changes nothing of it. */
  suspend?(): void
  /** The process goes on. */
  resume?(): void
}
