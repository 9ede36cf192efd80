import type { MapEntry } from '../rows/map-cell.ts'
import type { PendingMap } from './pending-map.ts'
import type { RecordWriter } from './record-writer.ts'
import type { Table } from '../rows/table.ts'

const BLOCK_BYTES_MIN = 1024 * 1024

/** Where the early records of one key group lie: block, start and end, three numbers a run. */
interface Runs {
  readonly places: number[]
  rows: number
}

/** Records written before their key group's turn, in the order they came, kept in blocks until the group takes them. */
export class EarlyRecords {
  readonly #writer: RecordWriter
  readonly #blocks: Uint8Array[] = []
  readonly #runs: Map<number, Runs> = new Map()

  constructor(writer: RecordWriter) {
    this.#writer = writer
  }

  row(table: Table, row: number): void {
    const start = this.#writer.position
    const rows = this.#writer.row(table, row)
    this.#note(table.keyGroup, start, rows)
  }

  entry(keyGroup: number, map: PendingMap, entry: MapEntry): void {
    const start = this.#writer.position
    this.#writer.entries(map, [entry])
    this.#note(keyGroup, start, 0)
  }

  has(keyGroup: number): boolean {
    return this.#runs.has(keyGroup)
  }

  /** Appends the group's records to `target` and forgets them. Answers how many rows are among them. */
  moveTo(keyGroup: number, target: RecordWriter): number {
    const { places, rows } = this.#runs.get(keyGroup)!
    const current = this.#writer.view()
    for (let at = 0; at < places.length; at += 3) {
      target.copy(this.#blocks[places[at]!] ?? current, places[at + 1]!, places[at + 2]!)
    }
    this.#runs.delete(keyGroup)
    return rows
  }

  #note(keyGroup: number, start: number, rows: number): void {
    const block = this.#blocks.length
    const end = this.#writer.position
    const runs = this.#runs.get(keyGroup)
    if (runs === undefined) {
      this.#runs.set(keyGroup, { places: [block, start, end], rows })
    } else {
      runs.places.push(block, start, end)
      runs.rows += rows
    }
    if (end >= BLOCK_BYTES_MIN) this.#blocks.push(this.#writer.take())
  }
}
