import type { MillraceError } from '@millrace/core'
import type { FetchedRecords, Fetcher, LogClient, StartPosition, TopicView } from '@millrace/log/client'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { processPorts, wholeNumber, withLogClient, type LogPorts } from './log-client.ts'
import { jsonOfRecord } from './record-text.ts'
import { parsePlace, type Place } from './start-position.ts'

/** What gives records until all that is wanted was given. */
interface RecordSource {
  poll(options: { readonly waitMs: number; readonly maxRecords: number }): Promise<readonly FetchedRecords[]>
  /** Whether everything up to the ends of the beginning was given. */
  isAtEnd(): boolean | Promise<boolean>
  close(): Promise<void>
}

const POLL_MS = 500
const POLL_RECORDS = 5_000
/** So many polls without a partition are not just the time that joining takes. */
const TIMES_WITHOUT = 10
const TIMES_GONE = 2
/** Between looks for new partitions. */
const LOOK_MS = 500

/** `millrace consume`: prints records until the end, the wanted number, or Ctrl-C. */
export async function consumeCommand(topic: string, flags: ParsedFlags, io: CommandIo, ports: LogPorts = processPorts): Promise<number> {
  const max = wholeNumber('--max', flags['max'], 1) ?? Number.POSITIVE_INFINITY
  const wanted = (flags['partition'] as readonly string[]).map((text) => wholeNumber('--partition', text, 0)!)
  const follows = flags['follow'] === true
  const from = parsePlace('--from', (flags['from'] as string | undefined) ?? (follows ? 'end' : 'beginning'), Date.now())
  const group = flags['group'] as string | undefined
  if (group !== undefined && wanted.length > 0)
    throw cliError('CLI_ARGUMENT', {
      flag: '--partition',
      expected: 'be left out with --group, which shares them out',
      value: wanted.join(','),
    })
  if (group !== undefined && typeof from !== 'string')
    throw cliError('CLI_ARGUMENT', { flag: '--from', expected: 'be beginning or end with --group', value: String(flags['from']) })
  const isolation = flags['isolation'] === 'uncommitted' ? 'read_uncommitted' : 'read_committed'
  return await withLogClient(
    flags,
    io,
    async (client, stopped) => {
      const described = await client.admin.describeTopic(topic)
      const partitions = partitionsOf(described, wanted)
      const setup: Setup = { client, topic, partitions, from, isolation, grows: follows && wanted.length === 0 }
      const source = group === undefined ? await fetcherSource(setup) : await groupSource(setup, group, io)
      const check = follows ? () => Promise.resolve() : stillThere(client, described)
      try {
        await print(source, { max, follows, format: flags['format'] as 'json' | 'value', stopped, check }, io)
      } finally {
        await source.close()
      }
      return exitCodes.done
    },
    ports,
  )
}

interface Printing {
  readonly max: number
  readonly follows: boolean
  readonly format: 'json' | 'value'
  readonly stopped: AbortSignal
  /** Throws where nothing more can come. */
  readonly check: () => Promise<void>
}

async function print(source: RecordSource, { max, follows, format, stopped, check }: Printing, io: CommandIo): Promise<void> {
  let left = max
  const over = new Promise<readonly FetchedRecords[]>((resolve) => stopped.addEventListener('abort', () => resolve([]), { once: true }))
  while (left > 0 && !stopped.aborted && io.stdout.isGone !== true) {
    if (!follows && (await source.isAtEnd())) return
    const fetched = await Promise.race([source.poll({ waitMs: POLL_MS, maxRecords: Math.min(left, POLL_RECORDS) }), over])
    if (fetched.length === 0 && !stopped.aborted) await check()
    for (const { topic, partition, records } of fetched) {
      const lines = records.map((record) =>
        format === 'json' ? jsonOfRecord(topic, partition, record) : Buffer.from(record.value ?? []).toString(),
      )
      if (lines.length > 0) io.stdout.write(`${lines.join('\n')}\n`)
      left -= records.length
    }
    await io.stdout.drained?.()
  }
}

/** Where the end will never come, as the topic was deleted, that is said: by the second look, as one broker may not know the topic yet. */
function stillThere(client: LogClient, { name: topic, id }: TopicView): () => Promise<void> {
  let timesGone = 0
  return async () => {
    try {
      const { id: found } = await client.admin.describeTopic(topic)
      timesGone = Buffer.compare(id, found) === 0 ? 0 : TIMES_GONE
    } catch (error) {
      // What does not answer is waited for.
      timesGone = (error as MillraceError).code === 'CLIENT_TOPIC_UNKNOWN' ? timesGone + 1 : 0
    }
    if (timesGone >= TIMES_GONE) throw cliError('CLI_TOPIC_DELETED', { topic })
  }
}

function partitionsOf({ partitions }: TopicView, wanted: readonly number[]): readonly number[] {
  const missing = wanted.find((partition) => partition >= partitions.length)
  if (missing !== undefined)
    throw cliError('CLI_ARGUMENT', { flag: '--partition', expected: `be 0 to ${partitions.length - 1}`, value: missing })
  return wanted.length > 0 ? wanted : partitions.map(({ partition }) => partition)
}

interface Setup {
  readonly client: LogClient
  readonly topic: string
  readonly partitions: readonly number[]
  readonly from: Place
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Whether partitions that come later are read too. */
  readonly grows: boolean
}

async function fetcherSource(setup: Setup): Promise<RecordSource> {
  const { client, topic, partitions, from, isolation } = setup
  const queries = partitions.map((partition) => ({ topic, partition, spec: 'latest' as const }))
  const ends = await client.admin.listOffsets(queries, isolation)
  const fetcher = client.fetcher({ isolation, offsetReset: typeof from === 'object' && 'offset' in from ? 'none' : 'earliest' })
  // Fixed before anything is read, so that 'the end' is the same one for all partitions.
  const starts = await startsOf(setup, ends)
  fetcher.assign(starts)
  const look = setup.grows ? growing(setup, fetcher) : () => undefined
  return {
    poll: (options) => {
      look()
      return fetcher.poll(options)
    },
    isAtEnd: () => ends.every(({ partition, offset }) => (fetcher.position({ topic, partition })?.offset ?? 0) >= offset),
    close: () => Promise.resolve(fetcher.close()),
  }
}

/** Has partitions that have come since read from their beginnings. Where the topic cannot be looked at there is another time. */
function growing({ client, topic, partitions }: Setup, fetcher: Fetcher): () => void {
  let known = partitions.length
  let dueMs = performance.now() + LOOK_MS
  const look = async (): Promise<void> => {
    const { partitions: now } = await client.admin.describeTopic(topic)
    fetcher.assign(now.slice(known).map(({ partition }) => ({ topic, partition, start: 'earliest' })))
    known = Math.max(known, now.length)
  }
  return () => {
    if (performance.now() < dueMs) return
    dueMs = Number.POSITIVE_INFINITY
    void look()
      .catch(() => undefined)
      .finally(() => (dueMs = performance.now() + LOOK_MS))
  }
}

async function startsOf(
  { client, topic, partitions, from, isolation }: Setup,
  ends: readonly { readonly partition: number; readonly offset: number }[],
): Promise<readonly { readonly topic: string; readonly partition: number; readonly start: StartPosition }[]> {
  if (from === 'latest') return ends.map(({ partition, offset }) => ({ topic, partition, start: { offset } }))
  if (typeof from === 'object' && 'offset' in from) return partitions.map((partition) => ({ topic, partition, start: from }))
  const found = await client.admin.listOffsets(
    partitions.map((partition) => ({ topic, partition, spec: from })),
    isolation,
  )
  return found.map(({ partition, offset }) => ({ topic, partition, start: { offset } }))
}

/** As a member of a group: the ends are those of all partitions, whoever reads them; other members may have some. */
async function groupSource({ client, topic, from, isolation, partitions }: Setup, groupId: string, io: CommandIo): Promise<RecordSource> {
  const ends = await client.admin.listOffsets(
    partitions.map((partition) => ({ topic, partition, spec: 'latest' as const })),
    isolation,
  )
  const consumer = client.groupConsumer({ groupId, topics: [topic], offsetReset: from as 'earliest' | 'latest', fetcher: { isolation } })
  const haveOthersRead = othersOf(client, groupId, ends, io)
  return {
    poll: (options) => consumer.poll(options),
    isAtEnd: () => {
      const mine = consumer.assignment
      if (mine.length === 0) return haveOthersRead()
      return mine.every(
        ({ partition }) =>
          (consumer.position({ topic, partition }) ?? -1) >= (ends.find((end) => end.partition === partition)?.offset ?? 0),
      )
    },
    close: () => consumer.close(),
  }
}

/** Whether the group has read everything up to the ends: what a member waits for to which nothing is given, as others have all. Says so on stderr. */
function othersOf(
  client: LogClient,
  groupId: string,
  ends: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[],
  io: CommandIo,
): () => Promise<boolean> {
  let times = 0
  return async () => {
    const committed = await client.admin.groups.offsets(groupId, { partitions: ends })
    const offsets = new Map(committed.map(({ partition, offset }) => [partition, offset]))
    const isRead = ends.every(({ partition, offset }) => (offsets.get(partition) ?? 0) >= offset)
    if (!isRead && ++times === TIMES_WITHOUT)
      io.stderr.write(`millrace: no partition is this member's so far; waiting until group ${groupId} has read to the end\n`)
    return isRead
  }
}
