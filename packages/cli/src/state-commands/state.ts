import { messageOf } from '@millrace/core'
import { formatStateLine, openSavepoint, parseKeyText, type EntryFilter, type OpenSavepoint } from '@millrace/engine'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { placeOf, resolveSettings, type ParsedFlags } from '../settings.ts'
import { printRows } from '../table.ts'
import type { CommandIo } from '../terminal.ts'

/** Characters handed to the output at a time. */
const CHUNK_LENGTH = 64 * 1024

async function open(path: string, flags: ParsedFlags, io: CommandIo): Promise<OpenSavepoint> {
  return await openSavepoint(placeOf(io, path), { settings: await resolveSettings(io, flags) })
}

/** `millrace state list PATH`: a row for each state, for records in flight, and for each operator that has none. */
export async function listState(path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const snapshot = await open(path, flags, io)
  const overtaken = new Set(snapshot.sizes().flatMap(({ operator, inFlightRecords }) => (inFlightRecords > 0 ? [operator] : [])))
  const rows = snapshot.operators.flatMap((it): Readonly<Record<string, unknown>>[] => {
    const { operator, operatorKind, states, parallelism, maxParallelism } = it
    const common = { operator, 'operator kind': operatorKind, parallelism, 'key groups': maxParallelism }
    const inFlight = overtaken.has(operator) ? [{ ...common, state: null, kind: 'in-flight', version: null }] : []
    if (states.length === 0 && inFlight.length === 0) return [{ ...common, state: null, kind: null, version: null }]
    return [...states.map(({ name, kind, version }) => ({ ...common, state: name, kind, version })), ...inFlight]
  })
  printRows(io, flags['format'], rows, ['operator', 'operator kind', 'parallelism', 'key groups', 'state', 'kind', 'version'])
  return exitCodes.done
}

/** `millrace state describe PATH`. */
export async function describeState(path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const snapshot = await open(path, flags, io)
  const sizes = new Map(snapshot.sizes().map(({ operator, ...size }) => [operator, size]))
  const operators = snapshot.operators.map((operator) => ({ ...operator, ...sizes.get(operator.operator) }))
  io.stdout.write(`${JSON.stringify({ path: snapshot.path, ...snapshot.facts, operators }, undefined, 2)}\n`)
  return exitCodes.done
}

/** `millrace state print PATH`: as slowly as the output takes it. */
export async function printState(path: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const snapshot = await open(path, flags, io)
  let text = ''
  for await (const item of snapshot.items(filterOf(flags))) {
    text += `${formatStateLine(item)}\n`
    if (text.length < CHUNK_LENGTH) continue
    io.stdout.write(text)
    text = ''
    await io.stdout.drained?.()
    if (io.stdout.isGone === true) return exitCodes.done
  }
  io.stdout.write(text)
  return exitCodes.done
}

function filterOf(flags: ParsedFlags): EntryFilter {
  const { operator, state, key } = flags as { readonly [name: string]: string | undefined }
  return {
    ...(operator === undefined ? {} : { operator }),
    ...(state === undefined ? {} : { state }),
    ...(key === undefined ? {} : { key: keyOf(key) }),
  }
}

function keyOf(text: string): ReturnType<typeof parseKeyText> {
  try {
    return parseKeyText(text)
  } catch (error) {
    const problem = messageOf(error)
    throw cliError('CLI_ARGUMENT', { flag: '--key', expected: `be a key as JSON (${problem})`, value: text }, error)
  }
}
