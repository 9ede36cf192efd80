// npm run kill-test:kafka -- --kills 50: the demo's job between two topics, killed with `kill -9` at named places of the sink; or the log, or the coordinator's broker, while the job stands there.
import { parseArgs, styleText } from 'node:util'
import { someSeed, switchOption, textOption, wholeNumber } from './command-line.ts'
import { KafkaCluster } from './kafka-kill/kafka-cluster.ts'
import { KillTest, type KillTestOptions } from './kafka-kill/kill-test.ts'
import { LogStage } from './log/log-stage.ts'

const usage = `npm run kill-test:kafka -- [options]

  --bootstrap HOST:PORT  another cluster that speaks Kafka's protocol, Apache Kafka for example; only the job is killed then
  --cluster-dir DIR      the folder of that cluster, as bench/peers/kafka/start.sh prints it: where there are several brokers,
                         the one that coordinates is killed too, or another is made to coordinate
  --kills N              lives that are ended (50)
  --require N            fails if a failpoint was hit less often (0)
  --only REGEX           failpoints and victims, as the table names them: 'savepoint', 'coordinator', 'log$'
  --rate N               events a second (3000)
  -p N                   parallelism of the job (2)
  --rescale              another parallelism from 1 to 3 in each life
  --interval T           between checkpoints (200ms)
  --built                job and log as \`npm run build\` has made them: lives are shorter
  --seed N               draws orders, places and moments (at random)
  --keep                 keep the folder with log and checkpoints; it is kept in any case if something is wrong`

interface Options extends KillTestOptions {
  readonly bootstrap: string | undefined
  readonly clusterDir: string | undefined
  readonly interval: string
  readonly isBuilt: boolean
  readonly keep: boolean
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      bootstrap: { type: 'string' },
      'cluster-dir': { type: 'string' },
      kills: textOption('50'),
      require: textOption('0'),
      only: textOption('.'),
      rate: textOption('3000'),
      p: { ...textOption('2'), short: 'p' },
      interval: textOption('200ms'),
      seed: textOption(someSeed()),
      rescale: switchOption,
      built: switchOption,
      keep: switchOption,
      help: switchOption,
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  if (values['cluster-dir'] !== undefined && values.bootstrap === undefined) throw new Error(`--cluster-dir needs --bootstrap\n\n${usage}`)
  return {
    bootstrap: values.bootstrap,
    clusterDir: values['cluster-dir'],
    kills: wholeNumber('--kills', values.kills, 1, usage),
    require: wholeNumber('--require', values.require, 0, usage),
    only: new RegExp(values.only),
    rate: wholeNumber('--rate', values.rate, 1, usage),
    parallelism: wholeNumber('-p', values.p, 1, usage),
    interval: values.interval,
    rescale: values.rescale,
    isBuilt: values.built,
    seed: wholeNumber('--seed', values.seed, 0, usage),
    keep: values.keep,
  }
}

async function killTest(options: Options): Promise<number> {
  const { bootstrap, clusterDir, interval: checkpointInterval, isBuilt, keep, kills, seed } = options
  const replicas = bootstrap?.includes(',') === true ? { replicas: bootstrap.split(',').length } : {}
  const stage = await LogStage.set({ bootstrap, checkpointInterval, keep, isBuilt, ...replicas })
  console.log(`\nkill -9, ${kills} times (seed ${seed}), log and checkpoints in ${stage.folder}\n`)
  try {
    const cluster = clusterDir === undefined ? undefined : new KafkaCluster(clusterDir, stage.client)
    return await new KillTest(options, stage, cluster).run()
  } finally {
    await stage.close()
  }
}

try {
  process.exit(await killTest(readOptions()))
} catch (error) {
  console.error(`\n${styleText('red', (error as Error).message)}`)
  process.exit(1)
}
