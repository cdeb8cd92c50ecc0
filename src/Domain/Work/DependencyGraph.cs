namespace ControlCenter.Domain.Work;

/// <summary>What waits for what.</summary>
public static class DependencyGraph
{
    /// <summary>A circle of tasks that wait for each other, first and last the same; null if there is none.</summary>
    public static IReadOnlyList<Guid>? FindCycle(IEnumerable<(Guid Task, Guid DependsOn)> edges)
    {
        var next = edges.ToLookup(e => e.Task, e => e.DependsOn);
        var done = new HashSet<Guid>();
        foreach (var start in next.Select(group => group.Key))
        {
            if (Walk(start, next, done) is { } cycle)
            {
                return cycle;
            }
        }

        return null;
    }

    // Depth first with a stack of its own: a chain of thousands of tasks must not use up the thread's.
    private static List<Guid>? Walk(Guid start, ILookup<Guid, Guid> next, HashSet<Guid> done)
    {
        if (done.Contains(start))
        {
            return null;
        }

        var path = new List<Guid> { start };
        var onPath = new HashSet<Guid> { start };
        var open = new Stack<IEnumerator<Guid>>([next[start].GetEnumerator()]);
        while (open.TryPeek(out var branch))
        {
            if (!branch.MoveNext())
            {
                open.Pop();
                done.Add(path[^1]);
                onPath.Remove(path[^1]);
                path.RemoveAt(path.Count - 1);
                continue;
            }

            if (onPath.Contains(branch.Current))
            {
                return [.. path.SkipWhile(id => id != branch.Current), branch.Current];
            }

            if (!done.Contains(branch.Current))
            {
                path.Add(branch.Current);
                onPath.Add(branch.Current);
                open.Push(next[branch.Current].GetEnumerator());
            }
        }

        return null;
    }
}
