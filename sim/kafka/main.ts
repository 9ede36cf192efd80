// npm run sim:kafka -- --seeds 5000 --first-seed S --require 20: the Kafka sink's writers die, coordinators move, transactions time out, and a reader looks at what came of it.
import { parseArgs } from 'node:util'
import { noSituations, runSeed, situations } from '../../packages/engine/src/connectors/kafka/sink/fixtures/sink-simulation.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    'first-seed': { type: 'string', default: '1' },
    /** How often each situation must have been reached. */
    require: { type: 'string', default: '0' },
  },
})
const [first, seeds, required] = [Number(values['first-seed']), Number(values.seeds), Number(values.require)]
const totals = noSituations()
const startMs = performance.now()
let failures = 0
for (let seed = first; seed < first + seeds; seed++) {
  try {
    await runSeed(seed, totals)
  } catch (error) {
    failures++
    console.error(`seed ${seed} fails; repeat it with: npm run sim:kafka -- --seeds 1 --first-seed ${seed}`)
    console.error(error)
  }
}
const rare = situations.filter((name) => totals[name] < required)
console.log(`${seeds} seeds from ${first} in ${Math.round((performance.now() - startMs) / 1_000)} s: ${failures} failed`)
for (const name of situations)
  console.log(`${String(totals[name]).padStart(8)}  ${name}${rare.includes(name) ? `  (fewer than ${required})` : ''}`)
process.exitCode = failures > 0 || rare.length > 0 ? 1 : 0
