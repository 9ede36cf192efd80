/** Where the sources make something durable: every call of a sync of the disk port. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const folders = ['packages/log/src/storage', 'packages/core/src/coordination']
/** `await x.sync()`, `await x.syncDirectory(…)`, and either inside of a callback. */
const call = /await [^\n]*(\bhandle\.sync\(\)|[fF]ile\.sync\(\)|\.syncDirectory\()/

export interface SyncSite {
  /** From the root. */
  readonly path: string
  /** From 1. */
  readonly line: number
  readonly text: string
}

export function syncSites(): readonly SyncSite[] {
  const paths = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root })).filter((path) => !path.endsWith('.test.ts'))
  return paths.toSorted().flatMap((path) => {
    const lines = readFileSync(join(root, path), 'utf8').split('\n')
    return lines.flatMap((text, index) => (call.test(text) ? [{ path, line: index + 1, text: text.trim() }] : []))
  })
}

/** The source with the statement at a line waiting for nothing. @throws if there is no sync */
export function withoutSync(source: string, line: number): string {
  const lines = source.split('\n')
  const text = lines[line - 1] ?? ''
  if (!call.test(text)) throw new Error(`line ${line} has no sync: ${text}`)
  lines[line - 1] = text.replace(/await .*$/, 'await Promise.resolve()')
  return lines.join('\n')
}
