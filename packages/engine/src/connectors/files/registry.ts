import { posix } from 'node:path'
import { atOnce, DiskError, type Disk, type FileHandle, type FileStat } from '@millrace/core'
import { openContent } from './content.ts'
import { fingerprintBytesMax, fingerprintOf, fits, isCopy, type Fingerprint } from './fingerprint.ts'
import { isRotatedName, rotatedFrom, siblings, type FoundFile } from './finder.ts'
import { KnownHeads } from './known-heads.ts'
import { splitId, type FileRegistryState, type FileSplit, type KnownFile } from './split.ts'

/** Files that are looked into at once, and how many of them are held until it is their turn. */
const headsAtOnce = 16
const headsHeld = 256

interface FileWithHead extends FoundFile {
  readonly head: Uint8Array
}

/**
 * The files that have been given out, and how files began that stood under the same paths before.
 *
 * 1. A file (an inode) is given out once for as long as it has a name that is looked at, and its reader holds it after that: a folder may be away for a moment.
 * 2. Of files that stood under one path, later ones have larger sequence numbers.
 * 3. What is remembered is bounded by what is there, and by `headsMax`.
 *
 * Looking takes many steps; a checkpoint between two of them must not see half of it. So it is done on a copy that then takes the place.
 */
export class FileRegistry {
  readonly #disk: Disk
  readonly #named: ReadonlySet<string>
  readonly #absencesMax: number
  #known: Map<string, KnownFile>
  readonly #heads: KnownHeads
  #nextSequence: number
  /** Inodes of those that were found and had gone before they could be looked into. */
  readonly #moved: Set<string> = new Set()

  /**
   * `named`: paths that are looked at by name, whatever else is in their folders. `absencesMax`: how often in a row a file is looked for that
   * is gone before it is forgotten.
   */
  constructor(disk: Disk, named: readonly string[], absencesMax: number, state: FileRegistryState) {
    this.#disk = disk
    this.#named = new Set(named)
    this.#absencesMax = absencesMax
    this.#known = new Map(state.known.map((file) => [file.inode === '' ? `gone ${file.path}` : file.inode, file]))
    this.#heads = new KnownHeads(state.heads)
    this.#nextSequence = state.nextSequence
  }

  state(): FileRegistryState {
    return { nextSequence: this.#nextSequence, known: [...this.#known.values()], heads: this.#heads.list() }
  }

  paths(): Set<string> {
    return new Set([...this.#known.values()].map(({ path }) => path))
  }

  /** The splits of files that are not known yet. */
  async add(found: readonly FoundFile[], startsAtEnd: boolean): Promise<readonly FileSplit[]> {
    const added: FileSplit[] = []
    const former = Map.groupBy(this.#known.values(), ({ path }) => path)
    const unknown = found.filter((file) => !this.#isSurelyKnown(file))
    for (let next = 0; next < unknown.length; next += headsHeld) {
      const files = unknown.slice(next, next + headsHeld)
      const heads = await atOnce(headsAtOnce, files, (file) => readHead(this.#disk, file))
      for (const [at, file] of files.entries()) {
        const head = heads[at]
        if (head === undefined) this.#moved.add(file.stat.inode)
        if (head === undefined || this.#isKnownAs(file, head)) continue
        if (this.#heads.knowsOriginalOf(file.path, head) || (startsAtEnd && file.path.endsWith('.gz'))) {
          this.#know(file.path, file.stat, fingerprintOf(head))
          continue
        }
        for (const between of await this.#rotatedBetween(file, former.get(file.path) ?? [], found))
          added.push(this.#split(between, 0, file.path))
        added.push(this.#split({ ...file, head }, startsAtEnd ? await endOfLastLine(this.#disk, file) : 0, file.path))
      }
    }
    return added
  }

  #split({ stat, head }: FileWithHead, offset: number, lineage: string): FileSplit {
    this.#know(lineage, stat, fingerprintOf(head))
    this.#heads.note(lineage, head)
    const split: Omit<FileSplit, 'id'> = {
      path: lineage,
      sequence: this.#nextSequence++,
      inode: stat.inode,
      fingerprint: fingerprintOf(head),
      offset,
      sizeBytes: stat.size,
      modifiedMs: stat.modifiedMs,
      generation: 0,
      detached: false,
    }
    return { id: splitId(split), ...split }
  }

  /** A file that was rotated away before anybody saw it: newer than the one that stood under the path when it was last looked at. `former`: what is known of the path. */
  async #rotatedBetween(file: FoundFile, former: readonly KnownFile[], found: readonly FoundFile[]): Promise<readonly FileWithHead[]> {
    const before = former.toSorted((a, b) => b.modifiedMs - a.modifiedMs)[0]
    if (before === undefined) return []
    const name = posix.basename(file.path)
    const rotated = await siblings(this.#disk, file.path, (other) => isRotatedName(other, name))
    let isBeforeFound = rotated.some(({ stat }) => stat.inode === before.inode)
    const between: FileWithHead[] = []
    for (const candidate of rotated.toSorted((a, b) => a.stat.modifiedMs - b.stat.modifiedMs)) {
      const isOld = candidate.stat.modifiedMs <= before.modifiedMs
      const isUnfinished = rotated.some(({ path }) => `${path}.gz` === candidate.path)
      if (isOld || isUnfinished || this.#isSurelyKnown(candidate) || found.some(({ stat }) => stat.inode === candidate.stat.inode)) continue
      const head = await readHead(this.#disk, candidate)
      if (head === undefined || this.#isKnownAs(candidate, head)) continue
      // The one that stood there before may be left as a copy alone: its reader reads that to its end.
      const isBefore = !isBeforeFound && fits(before.fingerprint, head)
      const isKnown = isBefore || this.#heads.knowsOriginalOf(candidate.path, head)
      isBeforeFound ||= isKnown
      if (isKnown) continue
      between.push({ ...candidate, head })
    }
    return between
  }

  /** Whether it is one that has been given out, as far as that can be told without a look into it. */
  #isSurelyKnown({ path, stat }: FoundFile): boolean {
    const known = this.#known.get(stat.inode)
    if (known === undefined) return false
    const stayed = known.path === path && known.name === undefined && known.absences === undefined
    return stayed || isSurelySame(known, stat)
  }

  /**
   * Whether it is one that has been given out, and not another file with the inode of one that was removed. An inode is free as soon as nobody
   * has the file open: the oldest of rotated files makes room for the new one, which often begins with the same header.
   */
  #isKnownAs({ path, stat }: FoundFile, head: Uint8Array): boolean {
    const known = this.#known.get(stat.inode)
    if (known === undefined) return false
    const wasHeld = known.name === undefined || known.name === path
    return wasHeld ? fits(known.fingerprint, head) : isCopy(known.fingerprint, head)
  }

  /** Takes note of what is there now, and forgets what is not. */
  async remember(found: readonly FoundFile[]): Promise<void> {
    const former = this.#known
    this.#known = new Map()
    for (const file of found) {
      const before = former.get(file.stat.inode)
      // Renamed before it could be looked at: it will be found under its next name.
      if (before === undefined) continue
      if (this.#moved.has(file.stat.inode)) {
        this.#known.set(file.stat.inode, before)
        continue
      }
      const head = isUnchanged(before, file.stat) ? undefined : await readHead(this.#disk, file)
      this.#know(before.path, file.stat, head === undefined ? before.fingerprint : fingerprintOf(head), file.path)
      if (head !== undefined) this.#heads.note(before.path, head)
    }
    await this.#keepRotated(former)
  }

  /** `name`: where it is now. */
  #know(path: string, { inode, modifiedMs, size, bornMs }: FileStat, fingerprint: Fingerprint, name: string = path): void {
    const more = { ...(bornMs === undefined ? {} : { bornMs }), ...(name === path ? {} : { name }) }
    this.#known.set(inode, { inode, path, modifiedMs, sizeBytes: size, fingerprint, ...more })
  }

  /** Files that were renamed to where nobody looks are known for as long as they are there. */
  async #keepRotated(former: ReadonlyMap<string, KnownFile>): Promise<void> {
    const missing = [...former.values()].filter(({ inode }) => !this.#known.has(inode))
    for (const [path, rotated] of await rotatedFrom(this.#disk, new Set(missing.map((file) => file.path)))) {
      for (const { stat, path: at } of rotated) {
        const before = this.#known.has(stat.inode) ? undefined : former.get(stat.inode)
        if (before === undefined) continue
        const isSame = before.name === undefined || before.name === at || isSurelySame(before, stat)
        if (isSame) this.#know(path, stat, before.fingerprint, at)
        else this.#known.set(stat.inode, before)
      }
    }
    const gone = missing.filter(({ inode }) => !this.#known.has(inode))
    for (const file of gone) this.#keepAbsent(file)
    this.#keepLast(gone.filter(({ inode }) => !this.#known.has(inode)))
  }

  /** One that comes back while its reader still holds it is the same. */
  #keepAbsent(file: KnownFile): void {
    const absences = (file.absences ?? 0) + 1
    const wasHeld = file.inode !== '' && file.name === undefined
    if (wasHeld && absences <= this.#absencesMax) this.#known.set(file.inode, { ...file, absences })
  }

  /** What stood last under a path that is followed by name, after it has gone: what was rotated away unseen since then is newer. */
  #keepLast(gone: readonly KnownFile[]): void {
    for (const file of gone.filter(({ path }) => this.#named.has(path))) {
      const isLast = [...this.#known.values()].every(({ path, modifiedMs }) => path !== file.path || modifiedMs < file.modifiedMs)
      // Not under its inode, which may be used again.
      if (isLast) this.#known.set(`gone ${file.path}`, { ...file, inode: '' })
    }
  }
}

function isUnchanged(before: KnownFile, { modifiedMs, size }: FileStat): boolean {
  return before.modifiedMs === modifiedMs && before.sizeBytes === size
}

/**
 * Of the same inode: a file that is given that of a removed one is younger. Some file systems say the time of the last change for when a file was made, so a difference tells
 * nothing.
 */
function isSurelySame(before: KnownFile, stat: FileStat): boolean {
  return isUnchanged(before, stat) || (before.bornMs !== undefined && before.bornMs === stat.bornMs)
}

/** The first bytes of a file's content; undefined if its name means another file by now, or none. */
async function readHead(disk: Disk, { path, stat }: FoundFile): Promise<Uint8Array | undefined> {
  try {
    const content = await openContent(disk, path)
    try {
      return (await content.stat()).inode === stat.inode ? await content.head(fingerprintBytesMax) : undefined
    } finally {
      await content.close()
    }
  } catch (error) {
    if (error instanceof DiskError && error.reason === 'not-found') return undefined
    throw error
  }
}

const tailBytes = 64 * 1_024

/** Where the last line of the file that has an end ends: what follows is still being written. */
async function endOfLastLine(disk: Disk, { path, stat }: FoundFile): Promise<number> {
  const handle = await disk.open(path, 'read')
  try {
    for (let end = stat.size; end > 0; end -= tailBytes) {
      const from = Math.max(0, end - tailBytes)
      const newline = (await readBetween(handle, from, end)).lastIndexOf(0x0a)
      if (newline >= 0) return from + newline + 1
    }
    return 0
  } finally {
    await handle.close()
  }
}

/** Fewer bytes where the file has become shorter. */
async function readBetween(handle: FileHandle, from: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - from)
  let filled = 0
  for (let count = -1; count !== 0 && filled < bytes.length; filled += count)
    count = await handle.read(bytes.subarray(filled), from + filled)
  return bytes.subarray(0, filled)
}
