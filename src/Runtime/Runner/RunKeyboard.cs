using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner;

/// <summary>Types into one run what somebody has typed for it, each input once: a runner that dies in between loses one rather than typing it twice.</summary>
internal sealed class RunKeyboard(RunParts run)
{
    /// <summary>Types what is new.</summary>
    /// <param name="ordered">All that the bus does not know to be typed.</param>
    /// <param name="age">How old its answer is.</param>
    public void Type(IReadOnlyList<OrderedInput> ordered, AnswerAge age)
    {
        Guid[] still = [.. run.Record.State.Typed.Where(id => ordered.Any(i => i.InputId == id))];
        if (still.Length < run.Record.State.Typed.Count)
        {
            run.Record.State = run.Record.State with { Typed = still };
        }

        foreach (var input in ordered.OrderBy(i => i.Number))
        {
            var before = run.Record.State;
            if (input.Number <= before.LastInput)
            {
                continue;
            }

            if (age.AtMost.TotalSeconds > input.SecondsLeft)
            {
                // It may be given up by now, and typed again by whoever wrote it. The next answer names it if it is not, and what comes after it.
                run.Around.Changed();
                return;
            }

            // Written first: what is not known to be typed would be typed again by the next runner.
            run.Record.State = before with { LastInput = input.Number, Typed = [.. before.Typed, input.InputId] };
            if (!run.Record.Save(run.Output.Dropped))
            {
                run.Record.State = before;
                return;
            }

            run.Pipes?.Type(TerminalInput.Bytes(input.Text, input.Key, before.HasTerminal), TerminalInput.Shown(input.Text, input.Key));
            run.Around.Changed();
        }
    }
}
