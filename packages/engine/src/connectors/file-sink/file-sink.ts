import { inspect } from 'node:util'
import type { Duration } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { formatRecord } from '../format.ts'
import { checkOptionNames, checkType, choiceOption, durationOption, numberOption, type OptionNames } from '../options.ts'
import type { Sink } from '../sink.ts'
import { FileWriter } from './writer.ts'

/** Where files go, what is in them, and when one ends and the next begins. */
export interface FileSinkOptions<T> {
  /** The folder; created with its parents if missing. Several sinks and jobs may share one, but not two jobs of one name and sink `uid` at a time. */
  readonly dir: string
  /** A line a record: `lines` (the default) writes strings as they are, `json` any value as JSON, a function what it makes of the value. */
  readonly format?: 'lines' | 'json' | ((value: T) => string)
  /** A part is closed at about this size; 128 MiB by default. */
  readonly rollBytes?: number
  /** A part is closed at this age; by default only checkpoints close parts. */
  readonly rollInterval?: Duration
  /** How the names of finished files begin; `part` by default. */
  readonly prefix?: string
  /** How they end; `.jsonl` for the format `json`, else `.txt`. */
  readonly suffix?: string
  /**
   * What to do when a file of the restored checkpoint has gone, both unpublished and published: `fail` (the default) with `FILE_SINK_LOST`,
   * or `accept`, where readers of the folder take finished files away.
   */
  readonly missingFiles?: 'fail' | 'accept'
}

const optionNames: OptionNames<FileSinkOptions<unknown>> = {
  dir: true,
  format: true,
  rollBytes: true,
  rollInterval: true,
  prefix: true,
  suffix: true,
  missingFiles: true,
}

/**
 * Files in a folder, exactly once. Records go to part files under hidden names; a checkpoint makes them durable, and when it is complete
 * they get their final names. So a reader of the folder sees whole files only, and each record in exactly one of them, whatever crashed.
 *
 * Each subtask makes at least one file at each checkpoint in which it had records; none spans two. Without checkpoints nothing is
 * published before the input ends. A full disk or missing permissions fail the task with `FILE_SINK_WRITE_FAILED`; nothing is lost by that.
 *
 * Throws `CONNECTOR_OPTION_INVALID`.
 */
export function fileSink<T = string>(options: FileSinkOptions<T> & { readonly format: 'json' | ((value: T) => string) }): Sink<T>
/** Of texts, which may do without a `format`. */
export function fileSink<T extends string = string>(options: FileSinkOptions<T> & { readonly format?: 'lines' | 'json' }): Sink<T>
export function fileSink<T>(options: FileSinkOptions<T>): Sink<T> {
  checkOptionNames<FileSinkOptions<T>>('fileSink', options, optionNames)
  const {
    dir,
    format = 'lines',
    prefix = 'part',
    suffix = format === 'json' ? '.jsonl' : '.txt',
    rollInterval,
    missingFiles = 'fail',
  } = options
  const rollBytes = numberOption('fileSink', 'rollBytes', options.rollBytes ?? 128 * 1_024 * 1_024, 1)
  checkType('fileSink', 'prefix', prefix, 'string')
  checkType('fileSink', 'suffix', suffix, 'string')
  if (typeof format !== 'function') choiceOption('fileSink', 'format', format, ['lines', 'json'])
  choiceOption('fileSink', 'missingFiles', missingFiles, ['fail', 'accept'])
  const rollIntervalMs = rollInterval === undefined ? undefined : durationOption('fileSink', 'rollInterval', rollInterval)
  if (typeof dir !== 'string' || dir === '' || dir.includes('\0')) invalid('dir', 'is no path')
  if (prefix === '' || prefix.startsWith('.') || /[/\0]/.test(prefix))
    invalid('prefix', `is ${JSON.stringify(prefix)}, no beginning of a visible file name`)
  if (/[/\0]/.test(suffix)) invalid('suffix', `is ${JSON.stringify(suffix)}, no end of a file name`)
  const line = lineFormat(format)
  return {
    connector: 'files',
    delivery: 'exactly-once',
    createWriter: (context) => new FileWriter<T>(context, { dir, prefix, suffix, rollBytes, rollIntervalMs, missingFiles, line }),
  }
}

function lineFormat<T>(format: 'lines' | 'json' | ((value: T) => string)): (value: T) => string {
  const toText = format === 'lines' ? asItIs : format === 'json' ? (JSON.stringify as (value: T) => string) : format
  const name = typeof format === 'string' ? format : 'a line'
  return (value) => `${formatRecord('fileSink', name, toText, value)}\n`
}

/** Where types are not checked an object may come here, which as a text is `[object Object]`. */
function asItIs(value: unknown): string {
  if (typeof value === 'object' || typeof value === 'function' || value === undefined)
    throw new TypeError(
      `it is ${inspect(value, { depth: 0, breakLength: Infinity })}, and no text: give format: 'json', or a function that makes a line`,
    )
  return (value as number).toString()
}

function invalid(option: string, problem: string): never {
  throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'fileSink', option, problem })
}
