import type { StagedBatch } from './handle.ts'
import type { RowMaker } from './rows.ts'

/** Rows of one statement. */
const CHUNK_ROWS = 1_000
const CHUNK_CHARACTERS = 1_024 * 1_024

interface Staged {
  readonly text: string
  readonly isDelete: boolean
}

/**
 * Rows that wait to be written. With keys, only the last of each key counts (or the first, where rows that are there are left alone): the database
 * refuses to touch a row twice in one statement, and need not.
 */
export class Staging<T> {
  readonly #maker: RowMaker<T>
  readonly #keeps: 'first' | 'last' | 'all'
  #keyed: Map<string, Staged> = new Map()
  #plain: string[] = []
  #characters = 0

  constructor(maker: RowMaker<T>, keeps: 'first' | 'last' | 'all') {
    this.#maker = maker
    this.#keeps = keeps
  }

  get rows(): number {
    return this.#keyed.size + this.#plain.length
  }

  /** About the bytes that it holds. */
  get sizeBytes(): number {
    return this.#characters
  }

  /** @throws `SINK_FORMAT_FAILED` */
  add(value: T): void {
    const { key, text, isDelete } = this.#maker.make(value)
    if (this.#keeps === 'all') {
      this.#plain.push(text)
      this.#characters += text.length
      return
    }
    const before = this.#keyed.get(key)
    if (before !== undefined && this.#keeps === 'first') return
    this.#characters += before === undefined ? text.length + key.length : text.length - before.text.length
    // To the end: keys that only the database takes for one (1 and 1.0) are written in the order of their last rows.
    if (before !== undefined) this.#keyed.delete(key)
    this.#keyed.set(key, { text, isDelete })
  }

  /** Takes all out. */
  take(): Pick<StagedBatch, 'writes' | 'deletes'> {
    const staged = [...this.#keyed.values()]
    const writes = this.#keeps === 'all' ? this.#plain : staged.filter(({ isDelete }) => !isDelete).map(({ text }) => text)
    const deletes = staged.filter(({ isDelete }) => isDelete).map(({ text }) => text)
    this.#keyed = new Map()
    this.#plain = []
    this.#characters = 0
    return { writes: chunked(writes), deletes: chunked(deletes) }
  }
}

function chunked(rows: readonly string[]): readonly string[] {
  const chunks: string[] = []
  let from = 0
  let characters = 0
  for (const [index, row] of rows.entries()) {
    if (index > from && (index - from >= CHUNK_ROWS || characters + row.length > CHUNK_CHARACTERS)) {
      chunks.push(`[${rows.slice(from, index).join(',')}]`)
      from = index
      characters = 0
    }
    characters += row.length
  }
  if (from < rows.length) chunks.push(`[${rows.slice(from).join(',')}]`)
  return chunks
}
