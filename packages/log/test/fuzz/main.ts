// npm run fuzz -- --inputs 1000000 --seed S: every decoder of the log, fed with damaged inputs; with --live N a broker, over so many connections.
import { parseArgs } from 'node:util'
import { pesterBroker } from './live.ts'
import { FuzzFailure, runRound } from './round.ts'
import { targets } from './targets.ts'

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '200000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    live: { type: 'string' },
    only: { type: 'string', default: '' },
  },
})
if (values.live !== undefined) {
  console.log(`seed ${values.seed}`)
  console.log(await pesterBroker(Number(values.seed), Number(values.live)))
  process.exit(0)
}
const chosen = targets.filter(({ name }) => name.includes(values.only))
const [inputs, seed] = [Number(values.inputs), Number(values.seed)]
console.log(`seed ${seed}, ${inputs} inputs, ${chosen.length} decoders`)
try {
  const begin = performance.now()
  const onProgress = (done: number): void => {
    if (process.stdout.isTTY) process.stdout.write(`\r${done}`)
  }
  const counts = await runRound({ targets: chosen, seed, inputs, onProgress })
  console.log(`\rnothing is wrong after ${Math.round((performance.now() - begin) / 1_000)} s; inputs taken and refused:`)
  for (const [name, { taken, refused }] of counts) console.log(`${String(taken).padStart(9)} ${String(refused).padStart(9)}  ${name}`)
} catch (error) {
  if (!(error instanceof FuzzFailure)) throw error
  console.error(`\r${error.message}`)
  console.error(error.cause)
  console.error(`repeat it with: npm run fuzz -- --inputs ${inputs} --seed ${seed}${values.only === '' ? '' : ` --only '${values.only}'`}`)
  process.exitCode = 1
}
