/** What a producer has to send and nobody to send it to: told to the client's waits as it comes and goes. */
import type { Cluster } from '../metadata/cluster.ts'
import type { Lack } from '../waits.ts'

export class Lacks {
  readonly #cluster: Cluster
  #noted = new Map<string, readonly [Lack, string]>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** All that lacks now; what did before and is not among it is there. */
  note(topics: Iterable<string>, leaderless: readonly { readonly topic: string; readonly partition: number }[]): void {
    const { view, waits, refreshProblem } = this.#cluster
    const before = this.#noted
    const now = new Map<string, readonly [Lack, string]>()
    const lacks = (lack: Lack, subject: string, problem: string): void => {
      now.set(`${lack} ${subject}`, [lack, subject])
      // Where nothing answers, the broker is what lacks.
      if (refreshProblem === undefined) waits.failed(lack, subject, problem)
    }
    for (const topic of topics)
      if (view.topic(topic) === undefined && view.problem(topic) !== undefined) lacks('topic', topic, view.topicProblem(topic))
    for (const { topic, partition } of leaderless) lacks('leader of', `${topic}-${partition}`, view.leaderProblem(topic, partition))
    for (const [key, [lack, subject]] of before) if (!now.has(key)) waits.over(lack, subject)
    this.#noted = now
  }

  get isEmpty(): boolean {
    return this.#noted.size === 0
  }
}
