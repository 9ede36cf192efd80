/**
 * Opens the content of a tail, and decides what becomes of one whose content is no longer what it was: truncated, moved, or lost.
 *
 * 1. A tail is only read from where it stands in content that begins as it did.
 * 2. What copies have of the former content of a truncated file comes before the file's new content.
 */
import { engineError } from '../../errors.ts'
import type { ReaderContext } from '../source.ts'
import type { Content } from './content.ts'
import { emptyFingerprint } from './fingerprint.ts'
import { statIfThere, type FoundFile } from './finder.ts'
import { closingOnError, findCopy, findLaterCopies, isSameContent, locate, type Copy } from './locate.ts'
import type { TailQueue } from './tail-queue.ts'
import { Tail } from './tail.ts'

export interface TailOpenerOptions {
  readonly paths: readonly string[]
  readonly follow: boolean
  readonly onLostFile: 'fail' | 'skip'
}

export class TailOpener {
  readonly #context: ReaderContext
  readonly #options: TailOpenerOptions
  readonly #tails: TailQueue

  constructor(context: ReaderContext, options: TailOpenerOptions, tails: TailQueue) {
    this.#context = context
    this.#options = options
    this.#tails = tails
  }

  /** The tail's content, found again where necessary; undefined if it turned out not to be read now. @throws FILES_LOST, FILES_UNREADABLE */
  async open(tail: Tail): Promise<Content | undefined> {
    if (tail.content === undefined) {
      const location = await locate(this.#context.disk, tail.split(), this.#options.follow)
      if (location.kind === 'lost') await this.#lose(tail)
      if (location.kind === 'truncated') await this.#restart(tail)
      if (location.kind !== 'here') return undefined
      tail.ended = false
      tail.content = location.content
      tail.detached ||= location.as === 'copy'
    } else if (!tail.content.isCompressed && !(await isSameContent(tail.content, tail.split()))) {
      await this.#restart(tail)
      return undefined
    }
    if (!(await this.#wasTruncatedUnread(tail))) return tail.content
    await this.#restart(tail)
    return undefined
  }

  /** Of a file of which nothing was read the content cannot tell whether it was truncated meanwhile; copies can. */
  async #wasTruncatedUnread(tail: Tail): Promise<boolean> {
    if (tail.fingerprint.bytes > 0 || (await this.#laterCopies(tail, tail.modifiedMs)).length === 0) return false
    return (await statIfThere(this.#context.disk, tail.path))?.inode === tail.inode
  }

  /** The file was truncated: what copies still have of its former content is read first, then the file from its start. */
  async #restart(tail: Tail): Promise<void> {
    const former = tail.split()
    const copy = former.fingerprint.bytes === 0 ? undefined : await findCopy(this.#context.disk, former)
    const later = await closingOnError(copy?.content, () => this.#laterCopies(tail, copy?.modifiedMs ?? tail.modifiedMs))
    const copies = tailsOfCopies(tail, copy, later)
    this.#tails.addBefore(tail, copies)
    const message = `${tail.path} was truncated; it is read from its start again${copies.length === 0 ? ', what was not read before is lost' : ''}`
    this.#context.report?.({ code: 'FILE_TRUNCATED', message })
    tail.modifiedMs = later.at(-1)?.stat.modifiedMs ?? copy?.modifiedMs ?? tail.modifiedMs
    tail.generation++
    tail.offset = 0
    tail.ended = false
    tail.unended = false
    tail.fingerprint = emptyFingerprint
    tail.phase = 'ready'
  }

  /** In a folder that is followed as a whole, copies are files like others: those of a file that is followed by name are its reader's. */
  async #laterCopies(tail: Tail, modifiedMs: number): Promise<readonly FoundFile[]> {
    if (!this.#options.follow || tail.detached || !this.#options.paths.includes(tail.path)) return []
    const copies = await findLaterCopies(this.#context.disk, tail.split(), modifiedMs)
    return copies.filter(({ stat }) => !this.#tails.all.some(({ inode }) => inode === stat.inode))
  }

  async #lose(tail: Tail): Promise<void> {
    const { path, offset } = tail
    if (tail.ended) return await this.#forget(tail)
    // A file that never had any content, as far as we know, lost nothing.
    if (this.#options.onLostFile === 'fail' && tail.fingerprint.bytes > 0) throw engineError('FILES_LOST', { file: path, offset })
    this.#context.report?.({ code: 'FILE_LOST', message: `${path} is gone; what followed byte ${offset} is lost` })
    this.#tails.remove(tail)
  }

  /** It was read to its end when nobody followed it, and may be removed since: nothing is missing. What took its place is input of its own. */
  async #forget(tail: Tail): Promise<void> {
    this.#tails.remove(tail)
    const { path } = tail
    if ((await statIfThere(this.#context.disk, path)) === undefined) return
    const message = `${path}, which had been read to its end, was replaced by another file: that is read from its start`
    this.#context.report?.({ code: 'FILE_REPLACED', message })
  }
}

/** The rest of the content that the tail stood in, then what the file contained later on; the tail's generation grows with each of these. */
function tailsOfCopies(tail: Tail, copy: Copy | undefined, later: readonly FoundFile[]): readonly Tail[] {
  const former = tail.split()
  const copies: Tail[] = []
  if (copy !== undefined) {
    const rest = new Tail({ ...former, detached: true })
    rest.content = copy.content
    copies.push(rest)
  }
  for (const { stat } of later) {
    const { inode, size: sizeBytes, modifiedMs } = stat
    const start = { offset: 0, fingerprint: emptyFingerprint, detached: true, inode, sizeBytes, modifiedMs }
    copies.push(new Tail({ ...former, ...start, generation: ++tail.generation }))
  }
  return copies
}
