import { posix } from 'node:path'
import { atOnce, DiskError, type Disk, type FileStat } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { withoutFoldersInBraces } from './braces.ts'
import { unreadable } from './content.ts'

export interface FoundFile {
  readonly path: string
  readonly stat: FileStat
}

const statsAtOnce = 16

/**
 * The files that a path means, in order of their paths: a file, those of a folder (not of its subfolders), or those that match a pattern
 * with `*`, `?`, `[…]`, `{…,…}` and `**`. Names that begin with a dot are left out unless they are named so; what is no regular file (a
 * device, a pipe) unless the path is its name. Undefined: there is no such file or folder, and it is no pattern.
 */
export async function findFiles(disk: Disk, path: string): Promise<readonly FoundFile[] | undefined> {
  const stat = await statIfThere(disk, path)
  if (stat?.kind === 'directory') return await filesOf(disk, path, await listIfThere(disk, path))
  if (stat !== undefined) return [{ path, stat }]
  if (!isPattern(path)) return undefined
  const patterns = withoutFoldersInBraces(path)
  const found: FoundFile[] = []
  if (patterns.length === 1) await walk(disk, path, found)
  else for (const pattern of patterns) found.push(...((await findFiles(disk, pattern)) ?? []))
  const unique = new Map(found.map((file) => [file.path, file]))
  return [...unique.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** Whether `name` is what a log of this name is renamed or copied to when it is rotated: `access.log.1`, `access.log-20240131.gz`. */
export function isRotatedName(name: string, original: string): boolean {
  return name.length > original.length + 1 && name.startsWith(original) && /[.\-_]/.test(name[original.length]!)
}

/** The names for which `isRotatedName(name, …)` holds, the shortest first. */
export function originalsOf(name: string): readonly string[] {
  return [...name.matchAll(/[.\-_]/g)].filter(({ index }) => index > 0 && index < name.length - 1).map(({ index }) => name.slice(0, index))
}

/** For each of the paths the files beside it that have rotated names of its own. Each folder is listed once. */
export async function rotatedFrom(disk: Disk, paths: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly FoundFile[]>> {
  const found = new Map<string, readonly FoundFile[]>()
  for (const [folder, originals] of Map.groupBy(paths, (path) => posix.dirname(path))) {
    const rotated = new Map<string, string[]>(originals.map((path) => [posix.basename(path), []]))
    for (const name of await listIfThere(disk, folder)) for (const original of originalsOf(name)) rotated.get(original)?.push(name)
    for (const path of originals) found.set(path, await filesOf(disk, folder, rotated.get(posix.basename(path))!, true))
  }
  return found
}

/** Files of a folder whose names satisfy the test; empty if the folder is not there. */
export async function siblings(disk: Disk, path: string, test: (name: string) => boolean): Promise<readonly FoundFile[]> {
  const folder = posix.dirname(path)
  return await filesOf(disk, folder, (await listIfThere(disk, folder)).filter(test), true)
}

export async function statIfThere(disk: Disk, path: string): Promise<FileStat | undefined> {
  return await ifThere(path, () => disk.stat(path))
}

/** A name that is no UTF-8 is listed with U+FFFD in it, by which nothing is there: left out, all that is in it would be missed without a word. */
async function statOfListed(disk: Disk, path: string): Promise<FileStat | undefined> {
  const stat = await statIfThere(disk, path)
  if (stat === undefined && posix.basename(path).includes('\uFFFD'))
    throw engineError('FILES_UNREADABLE', { file: path, problem: 'its name is not UTF-8, and must be changed' })
  return stat
}

async function listIfThere(disk: Disk, path: string): Promise<readonly string[]> {
  return (await ifThere(path, () => disk.list(path))) ?? []
}

async function filesOf(disk: Disk, folder: string, names: readonly string[], withHidden = false): Promise<readonly FoundFile[]> {
  const paths = names.filter((name) => withHidden || !name.startsWith('.')).map((name) => posix.join(folder, name))
  const stats = await atOnce(statsAtOnce, paths, (path) => statOfListed(disk, path))
  return paths.flatMap((path, at) => (stats[at]?.kind === 'file' ? [{ path, stat: stats[at] }] : []))
}

async function walk(disk: Disk, pattern: string, found: FoundFile[]): Promise<void> {
  const segments = posix.normalize(pattern).split('/')
  const firstPattern = segments.findIndex(isPattern)
  const root = segments.slice(0, firstPattern).join('/')
  await new Walk(disk, found).from(firstPattern === 0 ? '' : root === '' ? '/' : root, segments.slice(firstPattern))
}

/** Looks into each folder once for what is left of the pattern, by whichever names it is reached: links that lead back to a folder above would never end otherwise. */
class Walk {
  readonly #disk: Disk
  readonly #found: FoundFile[]
  readonly #entered: Set<string> = new Set()

  constructor(disk: Disk, found: FoundFile[]) {
    this.#disk = disk
    this.#found = found
  }

  async from(folder: string, segments: readonly string[]): Promise<void> {
    const stat = await statIfThere(this.#disk, listable(folder))
    if (stat !== undefined) await this.#enter(folder, stat, segments)
  }

  async #into(folder: string, segments: readonly string[]): Promise<void> {
    const [segment, ...rest] = segments
    if (segment === undefined) return
    if (segment === '**') await this.#into(folder, rest.length === 0 ? ['*'] : rest)
    for (const name of await listIfThere(this.#disk, listable(folder))) {
      const isHidden = name.startsWith('.') && !segment.startsWith('.')
      if (isHidden || !(segment === '**' || posix.matchesGlob(name, segment))) continue
      const path = posix.join(folder, name)
      const stat = await statOfListed(this.#disk, path)
      if (stat?.kind === 'directory') await this.#enter(path, stat, segment === '**' ? segments : rest)
      else if (stat?.kind === 'file' && rest.length === 0 && segment !== '**') this.#found.push({ path, stat })
    }
  }

  async #enter(path: string, { inode }: FileStat, segments: readonly string[]): Promise<void> {
    const entry = `${inode} ${segments.length}`
    if (this.#entered.has(entry)) return
    this.#entered.add(entry)
    await this.#into(path, segments)
  }
}

/** The folder of the process has no name where paths are relative to it. */
function listable(folder: string): string {
  return folder === '' ? '.' : folder
}

function isPattern(path: string): boolean {
  return /[*?[\]{}]/.test(path)
}

/** @throws FILES_UNREADABLE */
async function ifThere<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DiskError && (error.reason === 'not-found' || error.reason === 'not-a-directory')) return undefined
    return unreadable(path, error)
  }
}
