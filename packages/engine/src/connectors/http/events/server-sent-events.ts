import type { Duration } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import { FixedSplits } from '../../fixed-splits.ts'
import { checkOptionNames, durationOption, patienceOption, wholeNumberOption, type OptionNames } from '../../options.ts'
import type { Source } from '../../source.ts'
import { isEventId, type ServerSentEvent } from './event-parser.ts'
import { addressProblem, FETCH_PATIENCE_MS, headersProblem, isAddress } from '../retries.ts'
import { EventReader, type EventReaderSettings, type EventSplit } from './event-reader.ts'

export type { ServerSentEvent }

/** The stream that is read, and what is done when its connection breaks. */
export interface ServerSentEventsOptions {
  /** `http:` or `https:`. */
  readonly url: string
  /** Sent with every request; none by default. */
  readonly headers?: Readonly<Record<string, string>>
  /** Types of events that are emitted; all by default. */
  readonly types?: readonly string[]
  /** Whether the server, given the id of an event, sends all that came after it. Without that what it sends while nobody listens is lost. False by default. */
  readonly replays?: boolean
  /** The id to begin after where the job has no state; by default the server decides. */
  readonly startAfter?: string
  /** The pause before a connection is made again, until the server asks for another (`retry:`); `1s` by default. It doubles while connections fail, up to 30 s. */
  readonly retryDelay?: Duration
  /** How long no connection may come about, from when the first of them is made, before the task fails with `EVENTS_LOST`; `5m` by default. */
  readonly retryFor?: Duration
  /** A connection on which nothing comes for so long, not even a comment, is made again; `5m` by default, and at most: Node's `fetch` waits no longer. */
  readonly idleTimeout?: Duration
  /** Longest event in characters; 1 Mi by default. */
  readonly maxEventCharacters?: number
}

const CONNECTOR = 'serverSentEvents'
const optionNames: OptionNames<ServerSentEventsOptions> = {
  url: true,
  headers: true,
  types: true,
  replays: true,
  startAfter: true,
  retryDelay: true,
  retryFor: true,
  idleTimeout: true,
  maxEventCharacters: true,
}

/**
 * Events of an HTTP server (`text/event-stream`), read by one subtask. The id of the last event is the job's state: with it the stream is asked for again after a failure, by `Last-Event-ID`.
 * A server that answers 204 ends the source.
 *
 * Throws `CONNECTOR_OPTION_INVALID`. Fails with `EVENTS_LOST`, `EVENTS_REFUSED`, `EVENT_TOO_LARGE`.
 */
export function serverSentEvents(options: ServerSentEventsOptions): Source<ServerSentEvent> {
  checkOptionNames(CONNECTOR, options, optionNames)
  const { url, headers = {}, types, replays = false, startAfter = '' } = options
  if (!isAddress(url)) invalid('url', addressProblem)
  const problem = headersProblem(headers)
  if (problem !== undefined) invalid('headers', problem)
  if (!isEventId(startAfter)) invalid('startAfter', 'is no id: it has a control character, with which no server can be asked')
  const settings: EventReaderSettings = {
    url,
    headers,
    types: types === undefined ? undefined : new Set(types),
    retryDelayMs: durationOption(CONNECTOR, 'retryDelay', options.retryDelay ?? '1s'),
    retryForMs: durationOption(CONNECTOR, 'retryFor', options.retryFor ?? '5m'),
    idleTimeoutMs: patienceOption(CONNECTOR, 'idleTimeout', options.idleTimeout ?? '5m', FETCH_PATIENCE_MS),
    eventCharactersMax: wholeNumberOption(CONNECTOR, 'maxEventCharacters', options.maxEventCharacters ?? 1_048_576, 1, 268_435_456),
  }
  return {
    connector: 'server-sent events',
    replayable: replays,
    bounded: false,
    createEnumerator: (context) => new FixedSplits<EventSplit>(context, { initial: () => [{ id: 'events', lastEventId: startAfter }] }),
    createReader: (context) => new EventReader(context, settings),
  }
}

function invalid(option: string, problem: string): never {
  throw engineError('CONNECTOR_OPTION_INVALID', { connector: CONNECTOR, option, problem })
}
