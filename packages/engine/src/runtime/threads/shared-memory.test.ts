import assert from 'node:assert/strict'
import { it } from 'node:test'
import { buildJob } from '../../api/build-job.ts'
import { defineJob } from '../../api/job.ts'
import { discard } from '../../connectors/discard.ts'
import { planJob } from '../../graph/plan.ts'
import { regionsOf } from '../../graph/regions.ts'
import { slotsOf } from '../deployment/deployment.ts'
import { ringsOfSlot, sharedByRegion } from './shared-memory.ts'

const PARALLELISM = 5

it('each channel that crosses threads has one ring, whatever the number of slots; regions have their own', () => {
  const job = defineJob('two-parts', (env) => {
    for (const name of ['a', 'b']) {
      env
        .fromCollection([1, 2, 3])
        .partition('rebalance')
        .map((n) => n)
        .keyBy((n) => n)
        .count()
        .sinkTo(discard())
        .uid(name)
    }
  })
  const plan = planJob(buildJob(job).graph, { parallelism: PARALLELISM, encodeAll: false })
  const regions = regionsOf(plan, 'region')
  assert.equal(regions.length, 2)
  const deployments = regions.flatMap((region) => {
    const slots = slotsOf(plan, region)
    return Array.from({ length: slots }, (_, slot) => ({ plan, region, slots, slot }))
  })
  let made = 0
  const shared = sharedByRegion(deployments, (bytes) => {
    made++
    return new SharedArrayBuffer(bytes)
  })
  const rings = [...shared.values()].flatMap((memory) => memory.rings)
  assert.equal(shared.size, 2)
  assert.equal(made, rings.length, 'none is made and thrown away')
  assert.equal(new Set(rings.map(({ memory }) => memory)).size, rings.length)
  for (const { region, slots } of deployments) {
    const own = shared.get(region.id)!.rings
    const ends = Array.from({ length: slots }, (_, slot) => [...ringsOfSlot(own, slot).keys()]).flat()
    assert.deepEqual(ends.toSorted(), own.flatMap(({ key }) => [key, key]).toSorted(), 'each is known to both its ends')
  }
})
