import { InvalidArgumentError, Option, type Command } from 'commander'
import { engineFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'

type Finish = (exitCode: number) => void
type Flags = { readonly [name: string]: unknown }

/** The commands that run a job again from what it has stored, without touching anything of it. */
export function addReplayCommands(program: Command, io: CommandIo, finish: Finish): void {
  withSettings(
    program.command('replay').description('run a job from a checkpoint, here, on one thread, with its output printed: for looking at it'),
  )
    .argument('<job>', 'module whose default export is the job')
    .requiredOption('-s, --restore <path>', 'checkpoint or savepoint: its folder, or a URL')
    .addOption(
      recordsOption('--until <records>', 'stop after so many records of all sources together').default(
        undefined,
        'the end of the input, or Ctrl-C',
      ),
    )
    .option('--inspect [host:port]', 'open the Node debugger')
    .option('--inspect-brk [host:port]', 'open the Node debugger, wait for it, and stop before the job is loaded')
    .addOption(new Option('--format <text|json>', 'output for people, or one object a line').choices(['text', 'json']).default('text'))
    .action(async (job: string, flags: Flags) => {
      const { replayCommand } = await import('./replay.ts')
      finish(await replayCommand(job, flags, io))
    })
  withSettings(
    program
      .command('shadow')
      .description('run a new version of a job beside the old one, from a copy of its newest checkpoint, and compare their output'),
  )
    .argument('<job>', 'module of the new version')
    .requiredOption('--of <job>', 'name of the job')
    .option('--old <module>', 'module of the old version (default: that of the running job)')
    .option('-s, --restore <path>', 'checkpoint or savepoint to start both from (default: a copy of the newest checkpoint of the job)')
    .addOption(recordsOption('--until <records>', 'compare over so many records of all sources together').default(10_000))
    .option('--idle <duration>', 'stop when the sources have given nothing for so long', '5s')
    .addOption(new Option('--format <text|json>', 'report for people, or as one object').choices(['text', 'json']).default('text'))
    .action(async (job: string, flags: Flags) => {
      const { shadowCommand } = await import('./shadow.ts')
      finish(await shadowCommand(job, flags, io))
    })
}

function recordsOption(syntax: string, description: string): Option {
  return new Option(syntax, description).argParser((text) => {
    const records = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(records) || records === 0)
      throw new InvalidArgumentError('a whole number of records, at least 1')
    return records
  })
}

/** What a job needs that `run` would give it, as far as it matters here. */
function withSettings(command: Command): Command {
  const flag = engineFlags.find(({ key }) => key === 'stateDir')!
  return command
    .option('-n, --allow-non-restored-state', 'drop state of the checkpoint that no operator of the job has', false)
    .addOption(
      new Option('--param <name=value>', 'parameter of the job; may be repeated')
        .default([], 'those of the checkpoint')
        .argParser((text, previous: readonly string[]) => [...previous, text]),
    )
    .addOption(new Option(flag.syntax, flag.description))
    .addOption(new Option('--config <path>', 'file of options').default(undefined, 'millrace.yaml, if it is there'))
}
