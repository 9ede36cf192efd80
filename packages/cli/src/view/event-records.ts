import type { LogFields, LogLevel, LogRecord } from '@millrace/core'
import { describeSize } from '@millrace/core'
import type { JobEvent, JobFailure, JobRegion, JobResult } from '@millrace/engine'
import { formatElapsed } from '../quantities.ts'

/** What an event says in a log. */
export function recordOf(event: JobEvent): LogRecord {
  if (event.kind === 'log') return event.record
  const at = (level: LogLevel, message: string, fields: LogFields = {}): LogRecord => ({ timeMs: event.timeMs, level, message, fields })
  switch (event.kind) {
    case 'started': {
      const from = event.restored === undefined ? 'without state' : `from checkpoint ${event.restored.id}`
      return at('info', `job ${event.jobName} started ${from}`, { attempt: event.attempt, parallelism: event.settings.values.parallelism })
    }
    case 'checkpoint-completed': {
      const what = event.final ? 'final checkpoint' : 'checkpoint'
      const message = `${what} ${event.checkpoint.id} completed in ${formatElapsed(event.durationMs)}, ${describeSize(event.sizeBytes)}`
      return at(event.final ? 'info' : 'debug', message)
    }
    case 'savepoint-completed': {
      const fields = { path: event.savepoint.path ?? '' }
      return at('info', `savepoint completed in ${formatElapsed(event.durationMs)}, ${describeSize(event.sizeBytes)}`, fields)
    }
    case 'checkpoint-failed':
      if (event.reason === 'closed' || event.reason === 'subsumed') return at('debug', event.error.message)
      return at('warn', `checkpoint ${event.checkpointId} failed`, { error: event.error })
    case 'restarting': {
      const what = event.region === undefined ? '' : ` of ${regionText(event.region)}`
      return at('warn', `restart ${event.restart}${what} in ${formatElapsed(event.delayMs)}`, failureFields(event.failure))
    }
    case 'region-restarted': {
      const from = event.restored === undefined ? 'without state' : `from checkpoint ${event.restored.id}`
      return at('info', `${regionText(event.region)} started again ${from}`, { attempt: event.attempt })
    }
    case 'stopping':
      return at('info', 'stopping: taking a final checkpoint')
    case 'ended':
      return endRecord(event.timeMs, event.result)
  }
}

/** Which part of the job it is: its number, for metrics, and its tasks. */
export function regionText({ id, of, tasks }: JobRegion): string {
  return `region ${id} of ${of} (${tasks.join(', ')})`
}

function endRecord(timeMs: number, result: JobResult): LogRecord {
  const { jobName, durationMs, restarts, lastCheckpoint } = result
  // It may end before it is known which job it is.
  const job = jobName === '' ? 'the job' : `job ${jobName}`
  const fields = {
    durationMs: Math.round(durationMs),
    restarts,
    ...(lastCheckpoint?.path === undefined ? {} : { checkpoint: lastCheckpoint.path }),
  }
  if (result.state === 'failed') {
    return { timeMs, level: 'error', message: `${job} failed`, fields: { ...fields, ...failureFields(result.failure) } }
  }
  return { timeMs, level: 'info', message: `${job} ${result.state} after ${formatElapsed(durationMs)}`, fields }
}

function failureFields(failure: JobFailure): LogFields {
  const { error, operator, subtask, position, givenUp, capsule } = failure
  return {
    error,
    ...(operator === undefined ? {} : { operator }),
    ...(subtask === undefined ? {} : { subtask }),
    ...(position === undefined ? {} : { position }),
    ...(givenUp === undefined ? {} : { givenUp }),
    ...(capsule === undefined ? {} : { capsule: capsule.path, debug: capsule.command }),
  }
}
