import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, generator } from 'millrace'
import { cities, deliveryAt, predictions, type Prediction } from './08-online-model.ts'

async function learned(parallelism: number): Promise<Prediction[]> {
  const results: Prediction[] = []
  const source = generator({ count: 3_000, seed: 7, generate: deliveryAt })
  for await (const result of collect((env) => predictions(env.fromSource(source, { parallelism: 1 }), 0.5), { parallelism }))
    results.push(result)
  return results
}

void test('every city learns what its deliveries take, from its own alone', async () => {
  const results = await learned(1)
  for (const city of Object.keys(cities)) {
    const ofCity = results.filter((result) => result.city === city)
    assert.deepEqual(
      ofCity.map((result) => result.learned),
      Array.from({ length: 1_000 }, (_, index) => index),
    )
    assert.equal(ofCity[0]!.predicted, 0)
    assert.ok(ofCity.at(-1)!.meanError < 1.2, `${city} is off by ${ofCity.at(-1)!.meanError}`)
    assert.ok(ofCity[9]!.meanError > 2 * ofCity.at(-1)!.meanError, 'it has not learned much')
  }
})

void test('the models do not depend on the parallelism', async () => {
  const byCity = (results: readonly Prediction[]): Prediction[] =>
    results.toSorted((a, b) => a.city.localeCompare(b.city) || a.learned - b.learned)
  assert.deepEqual(byCity(await learned(3)), byCity(await learned(1)))
})
