import { plainFields, type Cancel, type Clock } from '@millrace/core'
import type { JobEvent, JobMetrics, JobResult } from '@millrace/engine'
import type { TextOutput } from '../terminal.ts'
import { BoundedOutput, leftOutText } from './bounded-output.ts'
import type { JobView } from './job-view.ts'

const metricsEveryMs = 1_000

/**
 * One JSON object a line: every event of the run as it comes, and the metrics each second and at the end.
 * Errors are `{ name, message, code, stack, cause }`. What the job itself writes there may end anywhere: an object begins on a line of its own.
 */
export class JsonView implements JobView {
  readonly #output: BoundedOutput
  readonly #clock: Clock
  #metrics: (() => JobMetrics) | undefined
  #cancel: Cancel = () => {}
  readonly #cease: () => void
  /** The last that others wrote has not ended its line. */
  #isLineOpen = false

  constructor(output: TextOutput, clock: Clock) {
    const write = (text: string): void => {
      output.write(this.#isLineOpen ? `\n${text}` : text)
      this.#isLineOpen = false
    }
    const lines = {
      write,
      get backlogBytes() {
        return output.backlogBytes ?? 0
      },
    }
    this.#output = new BoundedOutput(lines, (count) => lineOf(this.#note(leftOutText(count))))
    this.#clock = clock
    const heard = (endsLine: boolean, passOn: () => void): void => {
      passOn()
      this.#isLineOpen = !endsLine
    }
    this.#cease = output.heedOthers?.(heard) ?? ((): void => {})
  }

  event(event: JobEvent): void {
    // Last figures first, so that `ended` stays the last line.
    if (event.kind === 'ended') this.#writeMetrics()
    if (event.kind === 'log') this.#writeLog(event)
    else if (event.kind === 'ended') this.#output.writeLast(lineOf(event))
    else this.#write(event.kind === 'started' ? withoutGraph(event) : event)
  }

  watch(metrics: () => JobMetrics): void {
    this.#metrics = metrics
    const tick = (): void => {
      this.#cancel = this.#clock.after(metricsEveryMs, () => {
        this.#writeMetrics()
        tick()
      })
    }
    tick()
  }

  note(message: string): void {
    this.#write(this.#note(message))
  }

  close(_result: JobResult): void {
    this.abandon()
  }

  abandon(): void {
    this.#cancel()
    this.#cease()
  }

  /** Without keys: these lines are collected and kept, and keys may be data of the job's users. */
  #writeMetrics(): void {
    if (this.#metrics === undefined) return
    const { hotKeys: _, ...figures } = this.#metrics()
    this.#write({ kind: 'metrics', ...figures })
  }

  #note(message: string): object {
    return { kind: 'note', timeMs: this.#clock.now(), message }
  }

  #write(line: object): void {
    this.#output.write(lineOf(line))
  }

  /** What functions log may be what JSON cannot hold. */
  #writeLog(event: Extract<JobEvent, { readonly kind: 'log' }>): void {
    try {
      this.#write(event)
    } catch {
      const { record } = event
      this.#write({ ...event, record: { ...record, fields: plainFields(record.fields) } })
    }
  }
}

function lineOf(line: object): string {
  return `${JSON.stringify(line, plainData)}\n`
}

/** The graph is what `millrace info --format json` prints. */
function withoutGraph(event: Extract<JobEvent, { readonly kind: 'started' }>): object {
  const { plan, settings, ...rest } = event
  return { ...rest, fingerprint: plan.fingerprint, tasks: plan.tasks, settings: settings.values }
}

function plainData(_name: string, value: unknown): unknown {
  if (value instanceof Error) {
    const { code } = value as { readonly code?: unknown }
    return { name: value.name, message: value.message, code, stack: value.stack, cause: value.cause }
  }
  return typeof value === 'bigint' ? String(value) : value
}
