// npm run sim:log -- --seeds 5000 --first-seed S --require 50: brokers that die, thousands of times, and what their clients find.
import { parseArgs } from 'node:util'
import { runSeed } from './seed.ts'
import { noSituations, situations } from './situations.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    'first-seed': { type: 'string', default: '1' },
    require: { type: 'string', default: '0' },
    /** Ends at the first seed that fails. */
    bail: { type: 'boolean', default: false },
  },
})
const [first, seeds, required] = [Number(values['first-seed']), Number(values.seeds), Number(values.require)]
const totals = noSituations()
const begin = performance.now()
let failures = 0
for (let seed = first; seed < first + seeds; seed++) {
  try {
    const counts = await runSeed(seed)
    for (const name of situations) totals[name] += counts[name]
  } catch (error) {
    failures++
    console.error(`seed ${seed} fails; repeat it with: npm run sim:log -- --seeds 1 --first-seed ${seed}`)
    console.error(error)
    if (values.bail) break
  }
}
const rare = situations.filter((name) => totals[name] < required)
console.log(`${seeds} seeds from ${first} in ${Math.round((performance.now() - begin) / 1_000)} s: ${failures} failed`)
for (const name of situations)
  console.log(`${String(totals[name]).padStart(8)}  ${name}${rare.includes(name) ? `  (fewer than ${required})` : ''}`)
process.exitCode = failures > 0 || rare.length > 0 ? 1 : 0
