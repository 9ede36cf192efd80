/**
 * A crash capsule: the record an operator failed on, its key and its state, as a small program that runs the operator on it again.
 *
 * It holds users' data: written for its owner alone, kept in a limited number, and can be switched off.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect, isDeepStrictEqual } from 'node:util'
import { nodeDisk } from '@millrace/core'
import { encodeValue } from '../../codec/value.ts'
import { NO_TIMESTAMP } from '../../exchange/elements.ts'
import { hashKey } from '../../keys/hash.ts'
import { OperatorFailure, type FailureSite } from '../../operators/failure.ts'
import { nodeCommand } from '../node-command.ts'
import type { BuiltSubtask } from '../slot/subtask-builder.ts'

export interface CapsuleOptions {
  readonly dir: string
  /** Capsules kept; older ones are removed. */
  readonly limit: number
  readonly modulePath: string
  readonly params: { readonly [name: string]: string | number | boolean }
  /** Wall clock, for the file's name. */
  readonly now: () => number
}

/** What `replayCrash` is given. */
export interface CrashFacts {
  readonly stateId: string
  readonly during: string
  readonly subtask: number
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly timestamp: number
  /** Of a timer: the time it was due. */
  readonly record: unknown
  readonly key: unknown
  /** By name; of a map state its entries. With whatever the invocation had already changed. */
  readonly state: { readonly [name: string]: unknown } | undefined
  /** The record was on its way out of the operator. */
  readonly edge?: FailureSite['edge']
}

/** Writes the capsule of a failure; undefined where there is nothing to replay (no user function failed, or a value cannot be written down). */
export async function writeCapsule(
  error: unknown,
  subtasks: readonly BuiltSubtask[],
  options: CapsuleOptions,
): Promise<{ readonly path: string; readonly command: string } | undefined> {
  // What fails to open has had no record.
  if (!(error instanceof OperatorFailure) || error.site.during === 'open') return undefined
  const facts = factsOf(error, subtasks, options)
  if (facts === undefined) return undefined
  await makePrivateFolder(options.dir)
  const name = `${new Date(options.now()).toISOString().replace(/[:.]/g, '-')}-${facts.stateId.replace(/[^\w-]/g, '_').slice(0, 40)}-${facts.subtask}.mjs`
  const path = join(options.dir, name)
  await writeFile(path, program(error, facts, options, path), { mode: 0o600 })
  await removeOldest(options)
  return { path, command: debugCommand(path) }
}

/** With the flags of this process, or the job's module might not be found: nothing is built in a checkout, and loaders compile what Node does not. */
function debugCommand(path: string): string {
  return nodeCommand(path, ['--inspect-brk'])
}

async function makePrivateFolder(path: string): Promise<void> {
  await nodeDisk.makeDirectory(dirname(path))
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

function factsOf(failure: OperatorFailure, subtasks: readonly BuiltSubtask[], { params }: CapsuleOptions): CrashFacts | undefined {
  const { stateId, during, subtask, record, key, edge } = failure.site
  // What the functions of an edge are asked about is the record alone.
  if (edge !== undefined) return { stateId, during, subtask, params, timestamp: NO_TIMESTAMP, record, key, state: undefined, edge }
  for (const { task, keyed } of subtasks) {
    const operator = task.parts.subtask === subtask ? task.chain.operators.find(({ host }) => host.node.stateId === stateId) : undefined
    if (operator === undefined) continue
    // What a sink fails on besides a record is not in any function's hands.
    if (operator.host.node.kind === 'sink' && record === undefined) return undefined
    const backend = keyed(stateId)
    const state = backend === undefined || key === undefined ? undefined : backend.exportKey(key, hashKey(key))
    return { stateId, during, subtask, params, timestamp: task.chain.cursor.timestamp, record, key, state }
  }
  return undefined
}

function program(error: OperatorFailure, facts: CrashFacts, { modulePath }: CapsuleOptions, path: string): string {
  const replay = import.meta.resolve('@millrace/engine/internal/replay')
  const comment = (text: string): string => text.replace(/[\r\n\u2028\u2029]+/g, ' ')
  const fields = Object.entries(facts).map(([name, value]) => `  ${name}: ${literal(value)},`)
  return `// ${comment(error.message)}
//
// The record, its key and its keyed state as the operator left them when it failed. A function that answers no promise changes state in place: part of its work may be
// done in it already. To see all state as it was before, replay the last checkpoint: millrace replay. This file holds the data of your users.
// On another machine: correct the places of the two imports.
// Run it:   ${comment(nodeCommand(path))}
// Debug it: ${comment(debugCommand(path))}   and open chrome://inspect, or attach your editor
import { replayCrash, stored } from ${JSON.stringify(replay)}
import job from ${JSON.stringify(pathToFileURL(modulePath).href)}

await replayCrash(job, {
${fields.join('\n')}
})
`
}

/** As JSON where that says it exactly, else in the value format, with a comment for people. */
function literal(value: unknown): string {
  if (value === undefined) return 'undefined'
  const json = jsonOf(value)
  // In a program, unlike in JSON, a field of the name `__proto__` would be the prototype.
  if (json !== undefined && !json.includes('"__proto__"') && isDeepStrictEqual(JSON.parse(json), value)) return json
  const shown = inspect(value, { depth: 4, breakLength: Infinity }).replaceAll('*/', '* /')
  return `stored(${JSON.stringify(Buffer.from(encodeValue(value)).toString('base64'))}) /* ${shown} */`
}

/** Undefined where JSON has no form for it, or refuses it: a bigint, a cycle. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** What `writeCapsule` calls its files: the folder may be one of the user's. */
const capsuleName = /^\d{4}-\d\d-\d\dT[\d-]+Z-.*-\d+\.mjs$/

async function removeOldest({ dir, limit }: CapsuleOptions): Promise<void> {
  const names = (await readdir(dir)).filter((name) => capsuleName.test(name)).toSorted()
  for (const name of names.slice(0, Math.max(0, names.length - limit))) await rm(join(dir, name), { force: true })
}
