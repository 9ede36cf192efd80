// A function that throws, called by functions of ours.
import { defineJob, print } from 'millrace'

export default defineJob('fails', (env) => {
  const fail = (n: number): number => {
    throw new Error(`on purpose, at ${n}`)
  }
  env.fromCollection([1], { uid: 'numbers' }).map(fail).uid('fails').sinkTo(print())
})
