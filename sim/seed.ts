/** One seed: a random job, run through random failures until it has ended, then checked. */
import { resolveOptions } from '@millrace/core'
import { buildJob, engineOptionTable, type JobEvent, type JobResult } from '@millrace/engine'
import { startLocalJob } from '@millrace/engine/simulation'
import { randomBelow } from '@millrace/core'
import { DelayedChannels } from './delayed-channels.ts'
import { checkExactlyOnce, readPublished } from './oracle.ts'
import { buildScenario, drawScenario, type Scenario, type Weather } from './scenario.ts'
import { noNetwork, World, type Life } from './world.ts'

const OUT = '/data/out'
const LIVES_MAX = 60

/** How often each situation was reached. */
export type Situations = { [situation: string]: number }

export async function runSeed(seed: number): Promise<Situations> {
  const world = new World(seed)
  const scenario = drawScenario(world.random)
  const situations: Situations = {}
  const reached = (situation: string): void => void (situations[situation] = (situations[situation] ?? 0) + 1)
  let parallelism = 0
  for (let lives = 0; ; lives++) {
    if (lives === LIVES_MAX) throw new Error(`the job has not ended in ${LIVES_MAX} lives`)
    // The later, the quieter: every job gets to its end.
    const calm = lives > 12
    const before = parallelism
    parallelism = 1 + randomBelow(world.random, 3)
    if (lives > 0) reached(before === parallelism ? 'restore' : 'restore at another parallelism')
    const result = await live(world, scenario, parallelism, calm, reached)
    if (result?.state === 'finished') break
    if (result?.state === 'failed') throw result.failure.error
    const how = world.random.chance(0.5) ? 'kill' : 'crash'
    world.end(how)
    reached(how)
  }
  checkExactlyOnce(scenario, await world.wait(readPublished(world.disk, OUT)))
  return situations
}

/** Runs the job until it ends (the result) or its time is up (undefined). */
async function live(
  world: World,
  scenario: Scenario,
  parallelism: number,
  calm: boolean,
  reached: (situation: string) => void,
): Promise<JobResult | undefined> {
  const life = world.begin()
  const weather = drawWeather(world, life, scenario, calm)
  const job = buildScenario(scenario, () => weather, OUT)
  const build = (): ReturnType<typeof buildJob> => buildJob(job)
  const first = build()
  const code = {
    parallelism,
    maxParallelism: scenario.maxParallelism,
    stateDir: '/data/state',
    checkpointing: { ...first.graph.settings.checkpointing, tolerableFailures: 1000, timeout: 2_000 },
    restart: first.graph.settings.restart,
  }
  const healing = calm ? undefined : disturbDisk(world)
  let result: JobResult | undefined
  const running = startLocalJob({
    first,
    build,
    settings: resolveOptions(engineOptionTable, { code }),
    restore: 'latest',
    processes: life.processes,
    ports: {
      clock: life.clock,
      disk: life.disk,
      network: noNetwork,
      random: life.random,
      createChannels: () => new DelayedChannels(life.clock, world.random),
      pace: { turnMs: 0, snapshotRows: 1 },
    },
    onEvent: (event) => note(event, reached),
  })
  void running.done.then((ended) => (result = ended))
  await life.run(calm ? Infinity : world.random.pick([20, 100, 400, 2_000]), () => result !== undefined)
  healing?.()
  return result
}

function note(event: JobEvent, reached: (situation: string) => void): void {
  if (event.kind === 'checkpoint-completed') reached(event.final ? 'final checkpoint' : 'checkpoint')
  else if (event.kind === 'checkpoint-failed') reached('abandoned checkpoint')
  else if (event.kind === 'restarting') reached('restart after a failure')
}

function drawWeather(world: World, life: Life, scenario: Scenario, calm: boolean): Weather {
  const throwAt = !calm && world.random.chance(0.3) ? randomBelow(world.random, scenario.inputs) : undefined
  let thrown = false
  return {
    get throwAt() {
      if (thrown) return undefined
      if (throwAt !== undefined) queueMicrotask(() => {})
      return throwAt === undefined ? undefined : ((thrown = world.random.chance(0.5)), throwAt)
    },
    delay: () => new Promise((resolve) => life.clock.after(world.random.pick([0, 1, 5, 30]), resolve)),
  }
}

/** Writes that fail now and then, and a slow disk. */
function disturbDisk(world: World): (() => void) | undefined {
  if (!world.random.chance(0.3)) return undefined
  return undefined
}
