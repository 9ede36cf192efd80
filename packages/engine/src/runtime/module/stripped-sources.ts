/**
 * TypeScript without its types, kept in files beside Node's compile cache where there is one: Node's own loader does the like, but not for code that goes
 * through a hook. Whoever strips types loads a compiler of more than ten megabytes; the second start of a job needs none.
 *
 * 1. What is kept for a module is used only for the very text that it was made of, and only if it is whole.
 * 2. A cache that cannot be read or written is as good as none.
 */
import { hash, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'

/** A file a module; a folder a version of Node, as that of the compile cache is. */
export function strippedOnce(url: string, text: string, strip: () => string): string {
  const folder = getCompileCacheDir()
  if (folder === undefined) return strip()
  const path = join(folder, 'millrace', `${hash('sha256', url)}.js`)
  const kept = read(path, text)
  if (kept !== undefined) return kept
  const stripped = strip()
  write(path, text, stripped)
  return stripped
}

const headerSize = 2 * 64 + 2

function header(text: string, stripped: string): string {
  return `${hash('sha256', text)} ${hash('sha256', stripped)}\n`
}

function read(path: string, text: string): string | undefined {
  try {
    const content = readFileSync(path, 'utf8')
    const stripped = content.slice(headerSize)
    return content.slice(0, headerSize) === header(text, stripped) ? stripped : undefined
  } catch {
    return undefined
  }
}

/** Node has made the one above. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Under a name of its own first: other processes may read and write the same. */
function write(path: string, text: string, stripped: string): void {
  const draft = `${path}.${randomUUID()}`
  try {
    makeFolder(dirname(path))
    try {
      writeFileSync(draft, header(text, stripped) + stripped, { mode: 0o600 })
      renameSync(draft, path)
    } finally {
      rmSync(draft, { force: true })
    }
  } catch {
    // See 2.
  }
}
