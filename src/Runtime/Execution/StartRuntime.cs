using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Runtime.Execution;

/// <summary>Gives a host what it needs to start a runtime: the agent's key, its task under a lease, the session to go on with.</summary>
public sealed class StartRuntime(Transactions transactions, ClaimNamedTask claim, CallerDirectory directory, TimeProvider time)
{
    /// <summary>Makes the package. Asked again, the earlier key ends and a new one is made; the lease of the task is the same.</summary>
    /// <exception cref="ForbiddenException">The caller is not that host.</exception>
    /// <exception cref="ConflictException"><c>lease_lost</c>: the slot is no longer this host's, or there is nothing left to start for.</exception>
    public async Task<StartPackage> ExecuteAsync(Guid host, Guid runtime, StartRuntimeRequest request, Caller caller, CancellationToken cancellationToken)
    {
        ReportHost.RequireItself(host, caller);
        var answer = await transactions.RunAsync(caller, (unit, ct) => WithinAsync(unit, host, runtime, request, ct), cancellationToken);
        if (answer.EarlierKeyEnded)
        {
            directory.Forget();
        }

        // That it ended is kept, also where the answer is a refusal.
        return answer.Package ?? throw answer.Problem!;
    }

    private async Task<Answer> WithinAsync(UnitOfWork unit, Guid host, Guid id, StartRuntimeRequest request, CancellationToken cancellationToken)
    {
        if (await HeldRuntime.FindAsync(unit, "r.id = @id and r.host_id = @host", cancellationToken, ("id", id), ("host", host)) is not [var runtime]
            || runtime.FencingToken != request.FencingToken)
        {
            return Answer.Refused(new ConflictException(ProblemTypes.LeaseLost, $"Runtime {id} is not this host's at token {request.FencingToken}: there is nothing to start."));
        }

        if (runtime.Phase != RuntimePhase.Granted)
        {
            return await EndAsync(unit, runtime, RuntimeEnd.Lost, "Its host asked to start it again: it no longer knows of the process that was seen.", cancellationToken);
        }

        if (runtime.Desired == DesiredState.Stop)
        {
            return await EndAsync(unit, runtime, RuntimeEnd.Cancelled, "It was to stop before it had started.", cancellationToken);
        }

        ClaimedWork? work = null;
        if (runtime.TaskId is { } task)
        {
            try
            {
                work = await claim.WithinAsync(unit, task, runtime.AgentId, cancellationToken);
            }
            catch (ConflictException gone)
            {
                return await EndAsync(unit, runtime, RuntimeEnd.Cancelled, gone.Message, cancellationToken);
            }
        }

        if (runtime.KeyId is { } earlier)
        {
            await RuntimeKeys.RevokeAsync(unit, runtime.AgentId, runtime.AgentName, earlier, "it was started again", cancellationToken);
        }

        var issued = await RuntimeKeys.IssueAsync(unit, runtime.AgentId, runtime.LeaseExpiresAt!.Value, time, cancellationToken);
        await unit.ExecuteAsync(
            "update runtimes set key_id = @key, task_lease_id = @lease::uuid, task_fencing_token = @token::bigint where id = @id",
            cancellationToken, ("id", id), ("key", issued.KeyId), ("lease", work?.Lease.LeaseId), ("token", work?.Lease.FencingToken));
        return new Answer(await PackAsync(unit, runtime, issued.Key, work, cancellationToken), null, runtime.KeyId is not null);
    }

    private static async Task<Answer> EndAsync(UnitOfWork unit, HeldRuntime runtime, RuntimeEnd end, string why, CancellationToken cancellationToken)
    {
        await EndRuntime.WithinAsync(unit, runtime, new Ending(end, why), cancellationToken);
        return Answer.Refused(new ConflictException(ProblemTypes.LeaseLost, why)) with { EarlierKeyEnded = runtime.KeyId is not null };
    }

    private static async Task<StartPackage> PackAsync(UnitOfWork unit, HeldRuntime runtime, string key, ClaimedWork? work, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select definition::text, message, depth from runtimes where id = @id", ("id", runtime.Id));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new StartPackage(
            runtime.Id, runtime.FencingToken, runtime.AgentId, runtime.AgentName, key, JsonSerializer.Deserialize<AgentDefinition>(reader.GetString(0), WireJson.Options)!,
            runtime.SessionId, runtime.SessionHostId == runtime.HostId ? runtime.NativeSessionId : null,
            work is null ? null : new StartTask(
                work.Task.TaskId, work.Task.TicketId, work.Task.TicketKey, work.Task.Title, work.Task.Instructions, work.Task.Attempt, work.Task.MaxAttempts,
                work.Lease.LeaseId, work.Lease.FencingToken, work.Lease.ExpiresAt, work.Task.Checkpoint),
            reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetInt32(2));
    }

    private sealed record Answer(StartPackage? Package, ConflictException? Problem, bool EarlierKeyEnded)
    {
        public static Answer Refused(ConflictException problem) => new(null, problem, false);
    }
}
