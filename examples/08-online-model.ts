// A model that learns while it is used: how long will a delivery take? Each city has a model of its own, whose parameters are state.
//
//   millrace run examples/08-online-model.ts -p 2
//
// Each delivery is predicted first, with what was known until then, and learned from afterwards. The parameters are in every checkpoint: after a failure
// or a change of the code the model goes on where it was, and nothing has to be trained again.
import { defineJob, generator, print, type, value, type Environment, type GeneratorContext, type Stream } from 'millrace'

export interface Delivery {
  readonly city: string
  readonly kilometres: number
  readonly parcels: number
  /** How long it took. */
  readonly minutes: number
}

export interface Prediction {
  readonly city: string
  readonly predicted: number
  readonly actual: number
  /** Deliveries that the model had seen before this one. */
  readonly learned: number
  /** Of the last hundred or so predictions. */
  readonly meanError: number
}

/** minutes = base + perKilometre * kilometres + perParcel * parcels */
interface Model {
  readonly base: number
  readonly perKilometre: number
  readonly perParcel: number
  readonly learned: number
  readonly meanError: number
}

const untrained: Model = { base: 0, perKilometre: 0, perParcel: 0, learned: 0, meanError: 0 }

function predict(model: Model, { kilometres, parcels }: Delivery): number {
  return model.base + model.perKilometre * kilometres + model.perParcel * parcels
}

/** One step of gradient descent, as long as the inputs allow (normalised least mean squares). */
function learn(model: Model, delivery: Delivery, rate: number): Model {
  const { kilometres, parcels, minutes } = delivery
  const error = minutes - predict(model, delivery)
  const step = (rate * error) / (1 + kilometres * kilometres + parcels * parcels)
  const weight = 1 / Math.min(model.learned + 1, 100)
  return {
    base: model.base + step,
    perKilometre: model.perKilometre + step * kilometres,
    perParcel: model.perParcel + step * parcels,
    learned: model.learned + 1,
    meanError: model.meanError + weight * (Math.abs(error) - model.meanError),
  }
}

export function predictions(deliveries: Stream<Delivery>, rate: number): Stream<Prediction> {
  return deliveries
    .keyBy((delivery) => delivery.city)
    .process({
      emits: type<Prediction>(),
      state: { model: value<Model>() },
      onElement(delivery, ctx) {
        const model = ctx.state.model.get() ?? untrained
        const trained = learn(model, delivery, rate)
        ctx.state.model.set(trained)
        ctx.emit({
          city: delivery.city,
          predicted: predict(model, delivery),
          actual: delivery.minutes,
          learned: model.learned,
          meanError: trained.meanError,
        })
      },
    })
    .uid('models')
}

/** Minutes to start with, for each kilometre and for each parcel: what the models have to find out. */
export const cities: { readonly [city: string]: readonly [base: number, perKilometre: number, perParcel: number] } = {
  Bergen: [12, 3, 1.5],
  Lyon: [8, 4.5, 1],
  Osaka: [5, 2, 2.5],
}

/** A delivery in one of the cities, with some luck and some bad luck. */
export function deliveryAt(index: number, ctx: GeneratorContext): Delivery {
  const names = Object.keys(cities)
  const city = names[index % names.length]!
  const [base, perKilometre, perParcel] = cities[city]!
  const kilometres = 1 + ctx.random() * 9
  const parcels = 1 + Math.floor(ctx.random() * 10)
  const minutes = base + perKilometre * kilometres + perParcel * parcels + (ctx.random() - 0.5) * 2
  return { city, kilometres, parcels, minutes }
}

const params = { deliveries: 3_000, ratePerSecond: 3_000, rate: 0.5, seed: 7 }

export default defineJob('online-model', { params }, (env: Environment, { deliveries: count, ratePerSecond, rate, seed }) => {
  const deliveries = env.fromSource(generator({ count, ratePerSecond, seed, generate: deliveryAt }), { uid: 'deliveries' })
  predictions(deliveries, rate)
    .filter(({ learned }) => learned % 100 === 99)
    .map(
      ({ city, predicted, actual, learned, meanError }) =>
        `${city} after ${learned}: ${predicted.toFixed(1)} minutes predicted, ${actual.toFixed(1)} it took; off by ${meanError.toFixed(1)} on average`,
    )
    .sinkTo(print({ prefix: '' }))
    .uid('predictions')
})
