/**
 * npm run sim:mutations -- --seeds N: proves that the simulation sees what it is there to see. Each mutation is an error on purpose, put around the
 * engine from outside; the seeds must catch every one of them, and pass without any.
 */
import { parseArgs } from 'node:util'
import { mutations, type Mutation } from './mutation/list.ts'
import { scenarioOf } from './seed-scenario.ts'
import { runSeed } from './seed.ts'
import type { Situation } from './situations.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '300' }, 'first-seed': { type: 'string', default: '1' }, only: { type: 'string' } },
})
const first = Number(values['first-seed'])
const seeds = Number(values.seeds)
const chosen = mutations.filter(({ name }) => values.only === undefined || name.includes(values.only))
if (chosen.length === 0) throw new Error(`no mutation has ${values.only} in its name`)

/** The first seed that fails, and how; undefined if none does. */
async function hunt(mutation: Mutation): Promise<{ readonly tried: number; readonly problem: string } | undefined> {
  if (mutation.prevents !== undefined) return await prevented(mutation, mutation.prevents)
  for (let tried = 1; tried <= seeds; tried++) {
    const seed = first + tried - 1
    const scenario = scenarioOf(seed)
    if (scenario.mode !== 'exactly-once' || mutation.where?.(scenario) === false) continue
    try {
      await runSeed(seed, { mutation: mutation.make })
    } catch (error) {
      await checkHealthy(seed)
      return { tried, problem: error instanceof Error ? error.message : String(error) }
    }
  }
  return undefined
}

/** The first seed that meets a situation, and does not with the mutation. */
async function prevented(
  mutation: Mutation,
  situation: Situation,
): Promise<{ readonly tried: number; readonly problem: string } | undefined> {
  for (let tried = 1; tried <= seeds; tried++) {
    const seed = first + tried - 1
    if ((await runSeed(seed)).of(situation) === 0) continue
    const met = (await runSeed(seed, { mutation: mutation.make })).of(situation)
    return met === 0 ? { tried, problem: `never met: ${situation}` } : undefined
  }
  return undefined
}

/** The seed passes without the mutation: it is the mutation that was caught. */
async function checkHealthy(seed: number): Promise<void> {
  try {
    await runSeed(seed)
  } catch (error) {
    throw new Error(`seed ${seed} fails without any mutation`, { cause: error })
  }
}

let escaped = 0
for (const mutation of chosen) {
  const caught = await hunt(mutation)
  if (caught === undefined) {
    escaped++
    console.log(`ESCAPED after ${seeds} seeds  ${mutation.name}`)
  } else console.log(`caught after ${String(caught.tried).padStart(4)} seeds  ${mutation.name}: ${caught.problem.slice(0, 120)}`)
}
console.log(`${chosen.length - escaped} of ${chosen.length} mutations caught`)
process.exitCode = escaped > 0 ? 1 : 0
