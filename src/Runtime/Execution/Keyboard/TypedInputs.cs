using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Takes in what a host says it has typed.</summary>
internal static class TypedInputs
{
    /// <summary>Inputs of one runtime. Of what had been given up it is told that it was typed after all.</summary>
    public static async Task WithinAsync(UnitOfWork unit, HeldRuntime runtime, IReadOnlyCollection<Guid> inputs, CancellationToken cancellationToken)
    {
        // First what waits: what is given up meanwhile is found by the second look.
        await MarkAsync(unit, runtime, inputs, "waiting", cancellationToken);
        if (await MarkAsync(unit, runtime, inputs, "lost", cancellationToken) is > 0 and var count)
        {
            unit.Record(
                "runtime.input_typed", runtime.Subject, new { RuntimeId = runtime.Id, runtime.AgentId, runtime.AgentName, Count = count }, runtime.TicketId, runtime.TaskId);
        }
    }

    private static Task<int> MarkAsync(UnitOfWork unit, HeldRuntime runtime, IReadOnlyCollection<Guid> inputs, string before, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            "update runtime_inputs set state = 'typed', text = null where runtime_id = @runtime and id = any(@ids) and state = @before", cancellationToken,
            ("runtime", runtime.Id), ("ids", inputs.ToArray()), ("before", before));
}
