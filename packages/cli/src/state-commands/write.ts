import { messageOf, MillraceError } from '@millrace/core'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import {
  openSavepoint,
  parseStateLine,
  writeSavepoint,
  type SavepointEdit,
  type SnapshotItem,
  type SnapshotOperator,
} from '@millrace/engine'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { fileOf, placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'

/** `millrace state write PATH`: from lines, and what `--from` names. */
export async function writeState(path: string, flags: ParsedFlags, io: CommandIo, stdin: Readable = process.stdin): Promise<number> {
  const { from, input } = flags as { readonly [name: string]: string | undefined }
  const settings = await resolveSettings(io, flags)
  const file = input === undefined ? undefined : await openInput(fileOf(io, input))
  const reading: Reading = { input: input ?? 'the standard input', line: undefined }
  try {
    const { path: written } = await writeSavepoint(placeOf(io, path), {
      settings,
      ...(from === undefined ? {} : { from: placeOf(io, from) }),
      items: itemsOf(chunksOf(file ?? stdin, input === undefined ? '(standard input)' : resolve(io.cwd, input)), reading),
    })
    io.stdout.write(`${written}\n`)
    return exitCodes.done
  } catch (error) {
    if (reading.line !== undefined && error instanceof MillraceError && error.who === 'user') throw wrongLine(reading, error)
    throw error
  } finally {
    if (file !== undefined) await closed(file)
  }
}

/** Who gives up reading half-way, or before, leaves it open. */
async function closed(file: Readable): Promise<void> {
  if (file.closed) return
  file.destroy()
  await once(file, 'close')
}

async function openInput(path: string): Promise<Readable> {
  try {
    return (await open(path)).createReadStream()
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): Error {
  return cliError('CLI_FILE_UNREADABLE', { path, setting: '--input', problem: messageOf(error) }, error)
}

/** A folder can be opened, and fails as it is read. */
async function* chunksOf(source: Readable, path: string): AsyncIterable<string | Uint8Array> {
  try {
    yield* source as AsyncIterable<string | Uint8Array>
  } catch (error) {
    throw unreadable(path, error)
  }
}

interface Reading {
  readonly input: string
  /** What is being written is of this line. */
  line: number | undefined
}

function wrongLine({ line, input }: Reading, error: unknown): Error {
  return cliError('CLI_STATE_LINE', { line, input, problem: messageOf(error) }, error)
}

/** Line by line: what is not read yet waits in the file or the pipe. */
async function* itemsOf(source: AsyncIterable<string | Uint8Array>, reading: Reading): AsyncIterable<SnapshotItem> {
  let number = 0
  for await (const line of linesOf(source)) {
    number++
    if (line.trim() === '') continue
    let item: SnapshotItem
    try {
      item = parseStateLine(line)
    } catch (error) {
      throw wrongLine({ ...reading, line: number }, error)
    }
    reading.line = number
    yield item
    reading.line = undefined
  }
}

/** Only LF ends a line: JSON has U+2028 and U+2029 in its strings as they are. A byte order mark before the first is left out. */
async function* linesOf(source: AsyncIterable<string | Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let begun: string[] = []
  for await (const chunk of source) {
    const lines = (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })).split('\n')
    const rest = lines.pop()!
    for (const line of lines) {
      yield [...begun, line].join('')
      begun = []
    }
    begun.push(rest)
  }
  yield [...begun, decoder.decode()].join('')
}

/** `millrace state edit FROM PATH`. */
export async function editState(from: string, path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const settings = await resolveSettings(io, flags)
  const { operators } = await openSavepoint(placeOf(io, from), { settings })
  const removals = (flags['remove'] as readonly string[]).map((text) => targetOf(text, operators))
  const renames = (flags['rename'] as readonly string[]).map((text) => {
    const at = text.lastIndexOf('=')
    if (at <= 0 || at === text.length - 1)
      throw cliError('CLI_ARGUMENT', { flag: '--rename', expected: 'be UID=NAME or UID:STATE=NAME', value: text })
    return { ...targetOf(text.slice(0, at), operators), to: text.slice(at + 1) }
  })
  if (removals.length + renames.length === 0)
    throw cliError('CLI_ARGUMENT', { flag: '--remove or --rename', expected: 'be given', value: 'missing' })
  const { path: written } = await writeSavepoint(placeOf(io, path), { settings, from: placeOf(io, from), edits: [...removals, ...renames] })
  io.stdout.write(`${written}\n`)
  return exitCodes.done
}

/** An operator of this name, or one of its states after a colon; uids may have colons too. */
function targetOf(text: string, operators: readonly SnapshotOperator[]): SavepointEdit {
  if (operators.some(({ operator }) => operator === text)) return { operator: text }
  const at = text.lastIndexOf(':')
  return at < 0 ? { operator: text } : { operator: text.slice(0, at), state: text.slice(at + 1) }
}
