// Records a second through a chain of five operators on one thread, beside the same five functions called by hand.
// node --conditions=@millrace/source bench/micro/chain.ts [records] [--json]
import { defineJob, execute, type Sink, type Source } from '@millrace/engine'
import { eventSource } from '../nexmark/source.ts'

const records = Number(process.argv.slice(2).find((text) => /^\d+$/.test(text)) ?? 20_000_000)
const ROUNDS = 5
/** The design's figures for a chain of five operators: millions a second. */
const DESIGN = '25 to 45'

interface Item {
  readonly id: number
  readonly price: number
}

const items: readonly Item[] = Array.from({ length: 1024 }, (_, n) => ({ id: n, price: n * 3 }))
const positive = (item: Item): boolean => item.price >= 0
const priceOf = (item: Item): number => item.price
const doubled = (price: number): number => (price * 2) | 0
const small = (price: number): boolean => price < 1_000_000
const plusOne = (price: number): number => (price + 1) | 0

let sum = 0
let startedMs = 0
let endedMs = 0

/** From the first record to the last, without the start and the end of the job. */
function source(): Source<Item> {
  const make = () => (index: number) => {
    if (index === 0) startedMs = performance.now()
    return items[index & 1023]!
  }
  return eventSource({ count: records, crashAt: 0, make })
}

const summing: Sink<number> = {
  connector: 'sum',
  delivery: 'none',
  createWriter: () => ({
    open: () => {},
    write: (price) => void (sum = (sum + price) | 0),
    prepare: async () => {
      endedMs = performance.now()
      return []
    },
    close: () => {},
  }),
}

async function throughEngine(): Promise<number> {
  sum = 0
  const job = defineJob('chain', (env) => {
    env.fromSource(source()).filter(positive).map(priceOf).map(doubled).filter(small).map(plusOne).sinkTo(summing)
  })
  const { state } = await execute(job)
  if (state !== 'finished') throw new Error(`the job is ${state}`)
  return records / 1000 / (endedMs - startedMs)
}

function byHand(): number {
  sum = 0
  const start = performance.now()
  for (let index = 0; index < records; index++) {
    const item = items[index & 1023]!
    if (!positive(item)) continue
    const price = doubled(priceOf(item))
    if (small(price)) sum = (sum + plusOne(price)) | 0
  }
  return records / 1000 / (performance.now() - start)
}

const engine: number[] = []
const hand: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  engine.push(await throughEngine())
  const expected = sum
  hand.push(byHand())
  if (sum !== expected) throw new Error(`the chain sums up to ${expected}, the loop to ${sum}`)
}
const figures = { chain: Math.max(...engine), byHand: Math.max(...hand) }
if (process.argv.includes('--json'))
  console.log(JSON.stringify({ bench: 'chain', operators: 5, unit: 'M records/s', ...figures, design: DESIGN }))
else {
  console.log(`${figures.chain.toFixed(1).padStart(8)} M records/s through five operators (design: ${DESIGN})`)
  console.log(`${figures.byHand.toFixed(1).padStart(8)} M records/s, the same functions called by hand`)
}
