using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Run it, now or once at a time.</summary>
/// <param name="RunAt">When; now unless said.</param>
/// <param name="DryRun">Whether it is only to say what it would do.</param>
/// <param name="Payload">What the job is given along; a JSON object of up to 64 KiB.</param>
public sealed record RunJobRequest(DateTimeOffset? RunAt = null, bool DryRun = false, JsonElement? Payload = null)
{
    /// <summary>The payload's property that says so.</summary>
    internal const string DryRunProperty = "dry_run";
}

/// <summary>Queues a run beside the schedule: at once, or once at a time.</summary>
public sealed class RunJobNow(Transactions transactions, RegisteredJobs jobs, JobSignal signal, TimeProvider time)
{
    /// <summary>Queues it.</summary>
    /// <exception cref="NotFoundException">There is no such job.</exception>
    /// <exception cref="ValidationException">It cannot be run dry, or the payload is none.</exception>
    public async Task<Outcome<JobRunReference>> ExecuteAsync(string name, RunJobRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        var job = jobs.Find(name) ?? throw new NotFoundException("job", name);
        new FieldErrors()
            .Add("dry_run", request.DryRun && !job.CanRunDry ? $"'{name}' cannot be run dry." : null)
            .Add("payload", PayloadProblem(request.Payload))
            .ThrowIfAny();
        var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var row = await JobRows.LockAsync(unit, name, ct) ?? throw new NotFoundException("job", name);
            var due = request.RunAt is { } at && at > row.Now ? at.ToUniversalTime() : row.Now;
            var run = new NewRun(Uuid7.New(time), name, due, request.RunAt is null ? JobTrigger.Manual : JobTrigger.OneOff, due)
            {
                Payload = PayloadOf(request), RequestedBy = caller.ActorId,
            };
            await JobRows.InsertAsync(unit, run, ct);
            await AuditLog.WriteAsync(unit, time, "job.run", $"job:{name}", new { RunId = run.Id, RunAt = due, request.DryRun }, ct);
            unit.Record("governor.job_queued", ("job", name), new { Job = name, RunId = run.Id, RunAt = due, request.DryRun, By = caller.Name });
            return new JobRunReference(name, run.Id, JobRunState.Queued);
        }, cancellationToken);
        signal.Raise();
        return outcome;
    }

    private static string? PayloadProblem(JsonElement? payload) => payload switch
    {
        null => null,
        { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: not JsonValueKind.Object } => "It must be a JSON object.",
        { } given => TextRules.OptionalLongText(given.GetRawText()),
    };

    private static JsonElement? PayloadOf(RunJobRequest request)
    {
        if (!request.DryRun)
        {
            return request.Payload is { ValueKind: JsonValueKind.Object } given ? given : null;
        }

        var fields = request.Payload is { ValueKind: JsonValueKind.Object } payload
            ? payload.EnumerateObject().ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal)
            : [];
        fields[RunJobRequest.DryRunProperty] = JsonSerializer.SerializeToElement(true);
        return JsonSerializer.SerializeToElement(fields);
    }
}

/// <summary>Which run.</summary>
/// <param name="Job">Of which job.</param>
/// <param name="RunId">Its id.</param>
/// <param name="State">How it is.</param>
public sealed record JobRunReference(string Job, Guid RunId, JobRunState State);
