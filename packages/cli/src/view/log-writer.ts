import { formatLogRecord, isLogged, type LogLevel, type LogRecord } from '@millrace/core'
import type { JobEvent } from '@millrace/engine'
import { describeError, describeFailure, withoutWrapper } from '../failure-text.ts'
import { recordOf } from './event-records.ts'

export interface LogStyle {
  readonly format: 'text' | 'json'
  readonly level: LogLevel
  readonly color: boolean
}

/** Turns events and notes into log lines, each with its line end; an empty text where the level says so. */
export class LogWriter {
  readonly #style: LogStyle

  constructor(style: LogStyle) {
    this.#style = style
  }

  event(event: JobEvent): string {
    const record = recordOf(event)
    if (this.#style.format === 'json') return this.record(record)
    if ((event.kind === 'checkpoint-failed' || event.kind === 'restarting') && 'error' in record.fields) return this.#problem(record)
    if (event.kind !== 'ended' || event.result.state !== 'failed') return this.record(record)
    const { jobName, failure } = event.result
    if (jobName === '') return `millrace: ${describeError(failure.error)}\n`
    const [head = '', ...lines] = describeFailure(jobName, failure).split('\n')
    // The first line is repeated only where it says more: in which operator.
    const told = head === record.message ? lines : [head, ...lines]
    return [this.record({ ...record, fields: {} }), ...told.map((line) => `  ${line}\n`)].join('')
  }

  /** What people read has the user's frames alone: our stacks, and what errors carry between threads, are for programs. */
  #problem(record: LogRecord): string {
    const [error = '', ...frames] = describeError(withoutWrapper(record.fields['error'])).split('\n')
    const line = this.record({ ...record, fields: { ...record.fields, error } })
    return line === '' ? '' : [line, ...frames.map((frame) => `    ${frame.trim()}\n`)].join('')
  }

  record(record: LogRecord): string {
    const { format, level, color } = this.#style
    return isLogged(record.level, level) ? `${formatLogRecord(record, format, color)}\n` : ''
  }
}
