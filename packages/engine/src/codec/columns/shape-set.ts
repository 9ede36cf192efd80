/**
 * The shapes an encoder knows, and how it comes to know them.
 *
 * 1. Ids are given in order and never again; a shape that was widened is replaced, and its id stays with it.
 * 2. `all` never grows beyond `SHAPES_MAX`, nor the list of candidates beyond `CANDIDATES_MAX`.
 * 3. A list of keys becomes a shape when it is met the second time: objects used as maps, each with keys of its own, use up nothing.
 */
import { makeAppender, type RecordSink } from './generate-append.ts'
import { joinShapes, joinShapesLoosely, shapeOf } from './learn.ts'
import { columnBytes, columnsOf, FALLBACK_ID, FALLBACK_SHAPE, hasAny, SHAPES_MAX, type ColumnArray, type ShapeNode } from './shape.ts'

const CANDIDATES_MAX = 256
/** Shapes that differ only in what their nested objects look like; with one more, what differs travels in the value format. */
const VARIANTS_MAX = 8
const FIRST_CAPACITY = 64
/** So many records in a row were of no shape: from now on only one in `LEARN_EVERY` is looked at. */
const PATIENCE = 256
const LEARN_EVERY = 32

/** A shape with the columns of the frame under construction. */
export class LiveShape {
  readonly id: number
  readonly node: ShapeNode
  readonly hasAny: boolean
  readonly rowBytes: number
  readonly append: (record: unknown, row: number, sink: RecordSink) => boolean
  rows = 0
  capacity = 0
  readonly #grow: (rows: number) => void
  readonly #columns: () => ColumnArray[]

  constructor(id: number, node: ShapeNode) {
    const appender = makeAppender(node)
    this.id = id
    this.node = node
    this.hasAny = hasAny(node)
    this.rowBytes = columnsOf(node).reduce((sum, kind) => sum + columnBytes[kind], 0)
    this.append = appender.append
    this.#grow = appender.grow
    this.#columns = appender.columns
    this.grow()
  }

  get columns(): ColumnArray[] {
    return this.#columns()
  }

  grow(): void {
    this.capacity = this.capacity === 0 ? FIRST_CAPACITY : this.capacity * 2
    this.#grow(this.capacity)
  }
}

export class ShapeSet {
  readonly fallback: LiveShape = new LiveShape(FALLBACK_ID, FALLBACK_SHAPE)
  /** All that were ever defined, in the order of their ids, from 1. */
  readonly all: LiveShape[] = []
  /** Those to try, the likelier ones first; without the fallback. */
  readonly live: LiveShape[] = []
  readonly #candidates = new Set<string>()
  #missed = 0

  /** The shape at this place was the right one: it moves up by one, so that the frequent ones come to stand first. */
  prefer(place: number): void {
    if (place === 0) return
    const shape = this.live[place]!
    this.live[place] = this.live[place - 1]!
    this.live[place - 1] = shape
  }

  /** A new shape for a record that is of none; undefined if it is to travel in the value format. */
  learn(value: unknown): LiveShape | undefined {
    if (this.all.length >= SHAPES_MAX - 1 || (++this.#missed > PATIENCE && this.#missed % LEARN_EVERY !== 0)) return undefined
    const learnt = this.#learn(value)
    if (learnt !== undefined) this.#missed = 0
    return learnt
  }

  #learn(value: unknown): LiveShape | undefined {
    const node = shapeOf(value)
    if (node.kind === 'any') return undefined
    const relatives = this.live.filter((shape) => joinShapesLoosely(shape.node, node) !== undefined)
    for (const relative of relatives) {
      const joined = joinShapes(relative.node, node)
      if (joined !== undefined) return joined.kind === 'any' ? undefined : this.#replace(relative, joined)
    }
    if (relatives.length >= VARIANTS_MAX) return this.#merge(relatives, node)
    return this.#isCandidate(node) ? this.#define(node) : undefined
  }

  #isCandidate(node: ShapeNode): boolean {
    if (node.kind !== 'object' && node.kind !== 'tuple') return true
    const signature = JSON.stringify(outline(node))
    if (this.#candidates.delete(signature)) return true
    if (this.#candidates.size >= CANDIDATES_MAX) this.#candidates.clear()
    this.#candidates.add(signature)
    return false
  }

  #replace(shape: LiveShape, node: ShapeNode): LiveShape {
    this.live.splice(this.live.indexOf(shape), 1)
    return this.#define(node)
  }

  /** One shape in place of many that differ only inside. */
  #merge(shapes: readonly LiveShape[], node: ShapeNode): LiveShape {
    let merged = node
    for (const shape of shapes) {
      merged = joinShapesLoosely(merged, shape.node) ?? merged
      this.live.splice(this.live.indexOf(shape), 1)
    }
    return this.#define(merged)
  }

  #define(node: ShapeNode): LiveShape {
    const shape = new LiveShape(this.all.length + 1, node)
    this.all.push(shape)
    this.live.unshift(shape)
    return shape
  }
}

/** The keys of a shape and of its nested objects. */
function outline(node: ShapeNode): unknown {
  if (node.kind === 'object') return [node.keys, node.fields.map(outline)]
  return node.kind === 'tuple' ? node.fields.map(outline) : 0
}
