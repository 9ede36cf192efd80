/** Checks, from outside, what a job has published: every input's effect is there exactly once. */
import type { Disk } from '@millrace/core'
import type { Scenario, Traced } from './scenario.ts'

/** Everything that a reader of the folder sees. */
export async function readPublished(disk: Disk, dir: string): Promise<readonly Traced[]> {
  const rows: Traced[] = []
  for (const name of await disk.list(dir)) {
    if (name.startsWith('.')) continue
    const text = Buffer.from(await disk.readFile(`${dir}/${name}`)).toString('utf8')
    for (const line of text.split('\n')) if (line !== '') rows.push(JSON.parse(line) as Traced)
  }
  return rows
}

/** Throws where the published rows are not what an undisturbed run would have given. */
export function checkExactlyOnce(scenario: Scenario, rows: readonly Traced[]): void {
  const seen = new Map<string, number>()
  for (const { id, branch } of rows) seen.set(`${id}/${branch}`, (seen.get(`${id}/${branch}`) ?? 0) + 1)
  for (let id = 0; id < scenario.inputs; id++) {
    for (let branch = 0; branch < scenario.branches; branch++) {
      const times = seen.get(`${id}/${branch}`) ?? 0
      if (times !== 1) throw new Error(`input ${id} in branch ${branch} is in the output ${times} times`)
    }
  }
  if (rows.length !== scenario.inputs * scenario.branches)
    throw new Error(`${rows.length} rows where ${scenario.inputs * scenario.branches} should be`)
  checkCounts(rows)
}

/** Of each keyed stage and key, the counts are 1, 2, 3, … each once: state has seen every record exactly once. */
function checkCounts(rows: readonly Traced[]): void {
  const counts = new Map<string, number[]>()
  for (const row of rows) {
    for (const [stage, key, count] of row.counts) {
      const place = `${stage}/${key}`
      const list = counts.get(place)
      if (list === undefined) counts.set(place, [count])
      else list.push(count)
    }
  }
  for (const [place, list] of counts) {
    list.sort((a, b) => a - b)
    const wrong = list.findIndex((count, index) => count !== index + 1)
    if (wrong >= 0)
      throw new Error(
        `stage/key ${place} counted ${list.slice(Math.max(0, wrong - 2), wrong + 3).join(', ')} around its ${wrong + 1}th record`,
      )
  }
}
