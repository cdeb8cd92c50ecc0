using ControlCenter.Domain.Costs;

namespace ControlCenter.Runtime.Models;

/// <summary>A provider's answer, to be passed on to its caller.</summary>
public sealed class ModelAnswer
{
    private readonly CallUnderWay _under;
    private readonly OpenAnswer? _open;
    private readonly Breakers? _breakers;
    private readonly MeterCalls? _meter;
    private readonly SampledCall? _sampled;
    private readonly CancellationToken _aborted;

    internal ModelAnswer(CallUnderWay under, OpenAnswer open, Breakers breakers, MeterCalls meter, SampledCall? sampled, CancellationToken aborted)
    {
        (_under, _open, _breakers, _meter, _sampled, _aborted) = (under, open, breakers, meter, sampled, aborted);
        (Status, Headers, Whole) = (open.Status, open.Headers, open.Whole);
    }

    internal ModelAnswer(CallUnderWay under, ToldFailure told)
    {
        _under = under;
        (Status, Headers, Whole) = (told.Status, told.Headers, told.Body);
    }

    /// <summary>Which call it answers.</summary>
    public Guid CallId => _under.Id;

    /// <summary>Which module served it.</summary>
    public string ModuleId => _under.Module!.Id;

    /// <summary>The provider's HTTP status.</summary>
    public int Status { get; }

    /// <summary>The provider's headers that are its caller's business.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; }

    /// <summary>Whether it comes piece by piece.</summary>
    public bool IsStream => _open is { IsStream: true };

    /// <summary>An answer that is whole; empty for a stream.</summary>
    public ReadOnlyMemory<byte> Whole { get; }

    /// <summary>Passes it on, and meters what it used, however it ends.</summary>
    /// <param name="write">Takes the next bytes to the caller, at once.</param>
    /// <returns>Whether it came to its end. What did not must not look as if it had.</returns>
    public async Task<bool> PassOnAsync(Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        if (_open is null)
        {
            await write(Whole);
            return true;
        }

        write = _sampled?.ReadAlong(write) ?? write;
        var end = CallEnd.CutByUpstream;
        try
        {
            if (_open.IsStream)
            {
                end = await _open.PassOnAsync(write) ? _open.Reader.HasFailed ? CallEnd.Failed : CallEnd.Completed : CallEnd.CutByUpstream;
            }
            else
            {
                // It is whole and used up, whether or not its caller is still there to take it.
                end = CallEnd.Completed;
                await write(Whole);
            }
        }
        catch (OperationCanceledException) when (_aborted.IsCancellationRequested)
        {
            end = _open.IsStream && !_open.Reader.IsComplete ? CallEnd.CutByClient : CallEnd.Completed;
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException or OperationCanceledException)
        {
            end = _aborted.IsCancellationRequested ? CallEnd.CutByClient : CallEnd.CutByUpstream;
        }
        finally
        {
            Count(end);
            await _open.DisposeAsync();
            _meter!.Settle(_under, end, _open.Reader);
            _sampled?.Ended(IsStream);
        }

        return end is CallEnd.Completed || (end == CallEnd.Failed && _open.Reader.HasFailed);
    }

    private void Count(CallEnd end)
    {
        if (end == CallEnd.Completed)
        {
            _breakers!.Succeeded(_under.Module!);
        }
        else if (end == CallEnd.CutByClient)
        {
            _breakers!.Abandoned(_under.Module!);
        }
        else
        {
            _breakers!.Failed(_under.Module!);
        }
    }
}
