import type { Producer } from '@millrace/log/client'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { counted } from '../quantities.ts'
import { readPairList, type ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { processPorts, wholeNumber, withLogClient, type LogPorts } from './log-client.ts'
import { recordOfJson, type InputRecord } from './record-text.ts'

/** A line is a record; what is longer is none. */
const LINE_BYTES_MAX = 16 * 1024 * 1024

/** `millrace produce`: the lines of the standard input, until it ends or Ctrl-C; what was read by then is written. */
export async function produceCommand(topic: string, flags: ParsedFlags, io: CommandIo, ports: LogPorts = processPorts): Promise<number> {
  const partition = wholeNumber('--partition', flags['partition'], 0)
  checkFlags(flags)
  const recordOf = lineReader(flags, partition)
  const isOfLines = partition === undefined
  return await withLogClient(
    flags,
    io,
    async (client, stopped) => {
      const { partitions } = await client.topic(topic, { autoCreate: true })
      checkPartition(partition, partitions.length)
      const acks = flags['acks'] === 'all' ? -1 : (Number(flags['acks']) as 0 | 1)
      const producer = client.producer({ acks, compression: flags['compression'] as 'none' })
      let count = 0
      try {
        for await (const line of linesOf(ports.stdin, stopped)) {
          const record = { topic, ...recordOf(count + 1, line) }
          if (isOfLines) checkLinePartition(topic, count + 1, record.partition, partitions.length)
          count++
          if (!producer.append(record)) await producer.ready()
        }
        await producer.flush()
      } catch (error) {
        await settle(producer)
        throw error
      }
      await producer.close()
      io.stderr.write(`${count} ${count === 1 ? 'record' : 'records'} written to ${topic}\n`)
      return exitCodes.done
    },
    ports,
  )
}

/** @throws CLI_ARGUMENT, where one flag would have another do nothing */
function checkFlags(flags: ParsedFlags): void {
  const refuse = (flag: string, expected: string): never => {
    throw cliError('CLI_ARGUMENT', { flag, expected, value: 'given' })
  }
  const isJson = flags['json'] === true
  if (isJson && flags['keySeparator'] !== undefined) refuse('--key-separator', 'be left out with --json, whose lines name their keys')
  if (flags['ignorePartition'] !== true) return
  if (!isJson) refuse('--ignore-partition', 'go with --json')
  if (flags['partition'] !== undefined) refuse('--ignore-partition', 'be left out with --partition')
}

/** @throws CLI_ARGUMENT, where the client would wait for the partition to be made */
function checkPartition(partition: number | undefined, count: number): void {
  if (partition === undefined || partition < count) return
  throw cliError('CLI_ARGUMENT', { flag: '--partition', expected: `be 0 to ${count - 1}`, value: `${partition}` })
}

/** @throws CLI_INPUT_PARTITION, where the client would wait as well */
function checkLinePartition(topic: string, line: number, partition: number | undefined, count: number): void {
  if (partition === undefined || partition < count) return
  throw cliError('CLI_INPUT_PARTITION', { line, partition, topic, count: counted(count, 'partition'), needed: partition + 1 })
}

/** What was good before a mistake is written all the same, as the lines before it would be by themselves. */
async function settle(producer: Producer): Promise<void> {
  await producer.close(5_000).catch(() => undefined)
}

function lineReader(flags: ParsedFlags, partition: number | undefined): (number: number, line: Buffer) => InputRecord {
  const headers = readPairList('--header', flags['header']).map(([key, value]) => ({ key, value }))
  const key = flags['key'] as string | undefined
  const separator = flags['keySeparator'] as string | undefined
  if (separator === '') throw cliError('CLI_ARGUMENT', { flag: '--key-separator', expected: 'be a text', value: 'empty' })
  const fixed = { ...(headers.length === 0 ? {} : { headers }), ...(partition === undefined ? {} : { partition }) }
  if (flags['json'] === true) {
    return (number, line) => {
      const { partition: ofLine, ...record } = recordOfJson(number, line.toString())
      const isKept = ofLine !== undefined && flags['ignorePartition'] !== true
      return {
        ...(isKept ? { partition: ofLine } : {}),
        ...(key === undefined ? {} : { key }),
        ...record,
        key: record.key ?? key ?? null,
        ...fixed,
        headers: [...(record.headers ?? []), ...headers],
      }
    }
  }
  return (_, line) => {
    const at = separator === undefined ? -1 : line.indexOf(separator)
    if (at < 0) return { key: key ?? null, value: line, ...fixed }
    return { key: line.subarray(0, at), value: line.subarray(at + Buffer.byteLength(separator!)), ...fixed }
  }
}

/** Lines without their ends; a last one without an end counts. */
async function* linesOf(input: AsyncIterable<Uint8Array>, stopped: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const iterator = input[Symbol.asyncIterator]()
  const { promise: stop, resolve } = Promise.withResolvers<'stopped'>()
  stopped.addEventListener('abort', () => resolve('stopped'), { once: true })
  let rest: Buffer = Buffer.alloc(0)
  let count = 0
  for (;;) {
    const next = stopped.aborted ? 'stopped' : await Promise.race([iterator.next(), stop])
    if (next === 'stopped') {
      void iterator.return?.()
      return
    }
    if (next.done === true) break
    rest = rest.length === 0 ? Buffer.from(next.value) : Buffer.concat([rest, next.value])
    let start = 0
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      count++
      yield withoutReturn(rest.subarray(start, end))
      start = end + 1
    }
    rest = rest.subarray(start)
    if (rest.length > LINE_BYTES_MAX)
      throw cliError('CLI_INPUT_LINE', { line: count + 1, problem: `it has more than ${LINE_BYTES_MAX} bytes` })
  }
  if (rest.length > 0) yield withoutReturn(rest)
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line
}
