/** Checks, from outside, what a job has published: every input's effect is there exactly once, and in order. */
import type { Disk } from '@millrace/core'
import type { Ledger } from './ledger.ts'
import { CYCLE, keepsOrder, type Scenario } from './scenario.ts'
import type { Traced } from './traced.ts'

/** Everything that a reader of the folder sees and that counts. */
export async function readPublished(disk: Disk, dir: string, ledger: Ledger): Promise<readonly Traced[]> {
  const rows: Traced[] = []
  for (const name of await disk.list(dir)) {
    if (name.startsWith('.') || !ledger.counts(name)) continue
    const text = Buffer.from(await disk.readFile(`${dir}/${name}`)).toString('utf8')
    for (const line of text.split('\n')) if (line !== '') rows.push(JSON.parse(line) as Traced)
  }
  return rows
}

/** Throws where the published rows are not what an undisturbed run would have given. */
export function checkRows(scenario: Scenario, rows: readonly Traced[]): void {
  const seen = new Map<string, number>()
  for (const { id, branch } of rows) seen.set(`${id}/${branch}`, (seen.get(`${id}/${branch}`) ?? 0) + 1)
  const strict = scenario.mode === 'exactly-once'
  for (let id = 0; id < scenario.inputs; id++) {
    for (let branch = 0; branch < scenario.branches; branch++) {
      const times = seen.get(`${id}/${branch}`) ?? 0
      if (strict ? times !== 1 : times < 1) throw new Error(`input ${id} in branch ${branch} is in the output ${times} times`)
    }
  }
  if (!strict) return checkLost(scenario, rows)
  if (rows.length !== scenario.inputs * scenario.branches)
    throw new Error(`${rows.length} rows where ${scenario.inputs * scenario.branches} should be`)
  checkStates(scenario, rows)
}

/** At least once: of each keyed stage and key, the last count is as high as there were records. */
function checkLost(scenario: Scenario, rows: readonly Traced[]): void {
  const places = new Map<string, { readonly records: Set<string>; highest: number }>()
  const isFailing = (stage: number): boolean => ['keyed-failing', 'keyed-async-failing'].includes(scenario.stages[stage]!.kind)
  // A record that a failing function gave to the side output in one life may have been counted in another, whose rows are there as well.
  const aside = new Set<string>()
  for (const { id, branch, counts } of rows) {
    const counted = new Set(counts.map(([stage]) => stage))
    for (const stage of scenario.stages.keys()) if (!counted.has(stage)) aside.add(`${stage}/${id}/${branch}`)
  }
  for (const { id, branch, counts } of rows) {
    for (const [stage, key, count] of counts) {
      if (scenario.stages[stage]!.kind === 'keyed-clearing') continue
      if (isFailing(stage) && aside.has(`${stage}/${id}/${branch}`)) continue
      const place = `${stage}/${key}`
      const known = places.get(place) ?? { records: new Set<string>(), highest: 0 }
      places.set(place, known)
      known.records.add(`${id}/${branch}`)
      known.highest = Math.max(known.highest, count)
    }
  }
  for (const [place, { records, highest }] of places)
    if (highest < records.size) throw new Error(`stage/key ${place} counted to ${highest} over ${records.size} records`)
}

interface Counted {
  readonly count: number
  readonly row: Traced
}

function checkStates(scenario: Scenario, rows: readonly Traced[]): void {
  const places = new Map<string, Counted[]>()
  for (const row of rows) {
    for (const [stage, key, count] of row.counts) {
      const place = `${stage}/${key}`
      const list = places.get(place)
      if (list === undefined) places.set(place, [{ count, row }])
      else list.push({ count, row })
    }
  }
  for (const [place, list] of places) {
    const stage = Number(place.split('/')[0])
    list.sort((a, b) => a.count - b.count)
    const isCyclic = scenario.stages[stage]!.kind === 'keyed-clearing'
    checkCounts(place, list, isCyclic ? CYCLE : Infinity)
    if (!isCyclic && keepsOrder(scenario, stage)) checkOrder(place, list)
  }
}

/** Of each keyed stage and key, the counts are 1, 2, 3, … each once (or over and over again up to the cycle): state has seen every record exactly once. */
function checkCounts(place: string, list: readonly Counted[], cycle: number): void {
  const expected = list.map((_, index) => (cycle === Infinity ? index : index % cycle) + 1).toSorted((a, b) => a - b)
  const wrong = list.findIndex(({ count }, index) => count !== expected[index])
  if (wrong < 0) return
  const around = list.slice(Math.max(0, wrong - 2), wrong + 3).map(({ count }) => count)
  throw new Error(`stage/key ${place} counted ${around.join(', ')} around its ${wrong + 1}th record`)
}

/** In the order in which the state has seen them, the ids of one split and branch ascend. */
function checkOrder(place: string, list: readonly Counted[]): void {
  const last = new Map<string, number>()
  for (const { row } of list) {
    if (row.split === undefined) continue
    const channel = `${row.split}/${row.branch}`
    const before = last.get(channel) ?? -1
    if (row.id <= before) throw new Error(`stage/key ${place} has seen ${row.id} of ${channel} after ${before}`)
    last.set(channel, row.id)
  }
}
