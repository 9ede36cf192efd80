import { inspect } from 'node:util'
import { formatRecord } from '../format.ts'
import { checkOptionNames, checkType, type OptionNames } from '../options.ts'
import type { Sink, WriterContext } from '../sink.ts'
import { standardOutput, type ByteOutput } from './output.ts'
import { PrintWriter } from './writer.ts'

/** How lines look and where they go. */
export interface PrintOptions<T> {
  /**
   * Stands before each line, followed by `> `; where there are several subtasks, by the number of the subtask (from 1) as well: `late:2> `.
   * Without one that number alone, and nothing where there is one subtask. An empty text: never anything.
   */
  readonly prefix?: string
  /** One line without its end. By default a string as it is, anything else as Node's console shows it. */
  readonly format?: (value: T) => string
  /** Where to; the standard output by default. */
  readonly output?: ByteOutput
}

const optionNames: OptionNames<PrintOptions<unknown>> = { prefix: true, format: true, output: true }

/**
 * Writes a line a record to the standard output, as they come: nothing is held back for a checkpoint, so after a failure lines come again.
 *
 * Slow readers press back on the job. A reader that has gone (`| head`) ends it with `PRINT_CLOSED`; a record that cannot be formatted
 * with `SINK_FORMAT_FAILED`. Subtasks in several threads never mix within lines of up to 4096 bytes.
 */
export function print<T = unknown>(options: PrintOptions<T> = {}): Sink<T> {
  checkOptionNames<PrintOptions<T>>('print', options, optionNames)
  checkType('print', 'prefix', options.prefix, 'string')
  checkType('print', 'format', options.format, 'function')
  if (options.output !== undefined) checkType('print', 'output.write', (options.output as Partial<ByteOutput>).write ?? null, 'function')
  const format = options.format ?? ((value: T) => (typeof value === 'string' ? value : inspect(value, { breakLength: Infinity, depth: 8 })))
  const output = options.output ?? standardOutput
  return {
    connector: 'print',
    delivery: 'none',
    createWriter: (context) => {
      const lead = leadOf(options.prefix, context)
      return new PrintWriter<T>(context, output, (value) => `${lead}${formatRecord('print', 'a line', format, value)}\n`)
    },
  }
}

function leadOf(prefix: string | undefined, { subtask, parallelism }: WriterContext): string {
  if (prefix === '') return ''
  const parts = [...(prefix === undefined ? [] : [prefix]), ...(parallelism > 1 ? [subtask + 1] : [])]
  return parts.length === 0 ? '' : `${parts.join(':')}> `
}
