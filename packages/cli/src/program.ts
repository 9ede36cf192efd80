import { Command, CommanderError, Option } from 'commander'
import type { CommandIo } from './terminal.ts'
import { exitCodes } from './exit-codes.ts'
import { helpLayout } from './help-layout.ts'
import { addJobCommands } from './job-commands/program.ts'
import { addLogCommands } from './log-commands/program.ts'
import { addReplayCommands } from './replay-commands/program.ts'
import { engineFlags } from './settings.ts'
import { addStateCommands } from './state-commands/program.ts'

/** Every command. What a command does is loaded when it is called. */
export function buildProgram(version: string, io: CommandIo, finish: (exitCode: number) => void): Command {
  const program = new Command('millrace')
    .description('A stateful stream processor for TypeScript: one file, one command, exactly once')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .configureHelp(helpLayout)
    .showHelpAfterError('(millrace --help says more)')
  addRun(program, io, finish)
  addInfo(program, io, finish)
  addPlan(program, io, finish)
  addJobCommands(program, io, finish)
  addStateCommands(program, io, finish)
  addReplayCommands(program, io, finish)
  addLogCommands(program, io, finish)
  return program
}

function addRun(program: Command, io: CommandIo, finish: (exitCode: number) => void): void {
  const run = program
    .command('run')
    .description('run a job here, in one process')
    .argument('<job>', 'module whose default export is the job')
    .addOption(restoreOption())
    .option('-n, --allow-non-restored-state', 'drop state of the checkpoint that no operator of the job has', false)
    .addOption(paramOption())
    .addOption(
      new Option(
        '--output <live|lines|json>',
        'how to show progress, on the standard error; json: one object a line on the standard output',
      )
        .choices(['live', 'lines', 'json'])
        .default(undefined, 'live on a terminal, else lines'),
    )
    .addOption(configOption())
  addEngineFlags(run)
  run.action(async (job: string, flags: { readonly [name: string]: unknown }) => {
    const { runCommand } = await import('./commands/run.ts')
    finish(await runCommand(job, flags, io))
  })
}

function addInfo(program: Command, io: CommandIo, finish: (exitCode: number) => void): void {
  const info = program
    .command('info')
    .description('show the graph of a job, its state and its guarantees, without running it')
    .argument('<job>', 'module whose default export is the job')
    .addOption(new Option('--format <text|mermaid|json>', 'how').choices(['text', 'mermaid', 'json']).default('text'))
    .addOption(paramOption())
    .addOption(configOption())
  addEngineFlags(info)
  info.action(async (job: string, flags: { readonly [name: string]: unknown }) => {
    const { infoCommand } = await import('./commands/info.ts')
    finish(await infoCommand(job, flags, io))
  })
}

function addPlan(program: Command, io: CommandIo, finish: (exitCode: number) => void): void {
  const plan = program
    .command('plan')
    .description('tell, without running it, what a job would make of a savepoint or checkpoint: what is restored, migrated, empty or lost')
    .argument('<job>', 'module whose default export is the job')
    .requiredOption('-s, --restore <PATH>', 'the savepoint or checkpoint: a folder or a URL')
    .option('-n, --allow-non-restored-state', 'state that no operator of the job has may be dropped', false)
    .addOption(new Option('--format <table|json>', 'for people, or one object a line').choices(['table', 'json']).default('table'))
    .addOption(paramOption())
    .addOption(configOption())
  addEngineFlags(plan)
  plan.action(async (job: string, flags: { readonly [name: string]: unknown }) => {
    const { planCommand } = await import('./commands/plan.ts')
    finish(await planCommand(job, flags, io))
  })
}

function restoreOption(): Option {
  return new Option(
    '-s, --restore <latest|none|PATH>',
    'state to start from: the newest checkpoint of the job, if there is one; none; or the savepoint or checkpoint in a folder',
  ).default('latest')
}

function paramOption(): Option {
  return new Option('--param <name=value>', 'parameter of the job; may be repeated')
    .default([], 'those of the job')
    .argParser((text, previous: readonly string[]) => [...previous, text])
}

function configOption(): Option {
  return new Option('--config <path>', 'file of options').default(undefined, 'millrace.yaml, if it is there')
}

/** The options of the engine, in the groups of their keys. */
function addEngineFlags(command: Command): void {
  for (const flag of engineFlags) {
    const group = flag.key.includes('.') ? flag.key.slice(0, flag.key.indexOf('.')) : 'general'
    command.addOption(new Option(flag.syntax, flag.description).helpGroup(`Options: ${group}`))
    if (flag.negated !== undefined) command.addOption(new Option(flag.negated).hideHelp())
  }
}

/** What a command line that could not be parsed answers; help and version are no mistakes. */
export function exitCodeOf(error: CommanderError): number {
  return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
}
